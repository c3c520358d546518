"""Contact sheets of findings, each captioned with file, label, score and proposed action."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from PIL import Image

from vision import pictures
from vision.figures.contact_sheets import contact_sheet

_COLUMNS = 8
_BLANK = Image.new("RGB", (64, 64), "#dddddd")


def draw(to: Path, heading: str, findings: pd.DataFrame, place: Callable[[str], Path]) -> None:
    """Draw findings in the order of their ranks, each beside the copy that it is at odds with.

    Parameters
    ----------
    findings : as `vision.audit.findings.ranked` gives them.
    place : gives the path of a file.
    """
    tiles = list(_tiles(findings))
    contact_sheet(
        to,
        heading,
        (_picture(place(file)) for file, _ in tiles),
        [caption for _, caption in tiles],
        _COLUMNS,
    )


def _tiles(findings: pd.DataFrame) -> Iterator[tuple[str, str]]:
    for row in findings.itertuples():
        where = f"{row.label}, {row.split or 'left out'}"
        lines = [
            f"{row.rank}. {row.file}",
            f"{row.kind} {row.score:.2f}; {where}",
            f"→ {row.action}",
        ]
        yield row.file, "\n".join(lines)
        if row.conflicts_with:
            other = "its copy" if row.kind.endswith("copy") else "the other"
            lines = [f"{row.rank}. {other}:", row.conflicts_with]
            yield row.conflicts_with, "\n".join(lines)


def _picture(path: Path) -> Image.Image:
    try:
        return pictures.decode(path)
    except pictures.UnreadablePictureError:
        return _BLANK
