"""What was found, for people to read: the README of the data."""

import re
from collections.abc import Sequence
from pathlib import Path

from vision.runtime.disk import replacing_file
from vision.runtime.text import class_name, shown

_MARK = re.compile(r"[\\|*_[<`]")
_CODE = re.compile(r"(?<!`)(`[^`]+`)(?!`)")


def write(path: Path, counts: dict[str, int], source: str, said: Sequence[str]) -> None:
    """Write in Markdown how many pictures of each class there are, and what was found beside them.

    Parameters
    ----------
    counts : pictures by the folder of their class.
    source : of `download.source`.
    said : what was found, in lines.
    """
    names = {folder: _plain(shown(class_name(folder))) for folder in counts}
    paragraphs = [
        "# The pictures",
        f"{sum(counts.values()):,} pictures of {len(counts):,} classes, from "
        f"`download.source={source}`. The stage `download` writes this.",
        "\n".join(
            ["| class | pictures |", "| --- | ---: |"]
            + [f"| {names[folder]} | {count:,} |" for folder, count in counts.items()]
        ),
        "\n".join(f"- {_prose(line[0].upper() + line[1:])}." for line in said),
    ]
    with replacing_file(path) as new:
        new.write_text("\n\n".join(filter(None, paragraphs)) + "\n", encoding="utf-8", newline="\n")


def _prose(line: str) -> str:
    """Return a line in which Markdown sees nothing but code, which stays as it is."""
    parts = _CODE.split(line)
    return "".join(part if at % 2 else _plain(part) for at, part in enumerate(parts))


def _plain(text: str) -> str:
    """Return text in which Markdown sees no marks."""
    return _MARK.sub(r"\\\g<0>", text)
