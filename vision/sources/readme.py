"""What was found, for people to read: the README of the data."""

from collections.abc import Sequence
from pathlib import Path

from vision.runtime.disk import replacing_file
from vision.runtime.text import class_name, shown


def write(path: Path, counts: dict[str, int], source: str, said: Sequence[str]) -> None:
    """Write in Markdown how many pictures of each class there are, and what was found beside them.

    Parameters
    ----------
    counts : pictures by the folder of their class.
    source : of `download.source`.
    said : what was found, in lines.
    """
    names = {folder: _plain(shown(class_name(folder)), "\\|<*_[`") for folder in counts}
    paragraphs = [
        "# The pictures",
        f"{sum(counts.values()):,} pictures of {len(counts):,} classes, from "
        f"`download.source={source}`. The stage `download` writes this.",
        "\n".join(
            ["| class | pictures |", "| --- | ---: |"]
            + [f"| {names[folder]} | {count:,} |" for folder, count in counts.items()]
        ),
        "\n".join(f"- {_plain(line[0].upper() + line[1:], '<')}." for line in said),
    ]
    with replacing_file(path) as new:
        new.write_text("\n\n".join(filter(None, paragraphs)) + "\n", encoding="utf-8", newline="\n")


def _plain(text: str, marks: str) -> str:
    """Return text in which Markdown sees none of these marks, of which `\\` comes first."""
    for mark in marks:
        text = text.replace(mark, f"\\{mark}")
    return text
