"""Draws contact sheets: pictures in a grid, each at its own shape with a caption."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

_CELL_INCHES = 1.75
_CAPTION_INCHES = 0.4  # of up to two lines
_LINE_INCHES = 0.12
_HEADING_INCHES = 0.5
_DPI = 110
# Pictures are drawn at the size of their cells: larger ones would only make the file larger.
_CELL_PIXELS = int(_CELL_INCHES * _DPI)

mpl.rcdefaults()  # whatever the user's own matplotlibrc says
mpl.use("agg")


def contact_sheet(
    to: Path,
    heading: str,
    pictures: Iterable[Image.Image],
    captions: Sequence[str],
    columns: int,
) -> None:
    """Write a PNG of pictures in rows, under a heading, each with a caption below it.

    No pictures at all leave the heading alone. Pictures are taken one at a time, so that they
    need not be in memory together.
    """
    rows = math.ceil(len(captions) / columns)
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    below = _CAPTION_INCHES + max(0, lines - 2) * _LINE_INCHES
    width = columns * _CELL_INCHES
    height = _HEADING_INCHES + rows * (_CELL_INCHES + below)
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    figure.text(
        0.5,
        1 - _HEADING_INCHES / 2 / height,
        heading,
        ha="center",
        va="center",
        fontsize=11,
        parse_math=False,
    )
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(number, columns)
        top = _HEADING_INCHES + row * (_CELL_INCHES + below)
        axes = figure.add_axes(
            (
                (column + 0.03) / columns,
                1 - (top + _CELL_INCHES) / height,
                0.94 / columns,
                _CELL_INCHES / height,
            )
        )
        small = picture.copy()
        small.thumbnail((_CELL_PIXELS, _CELL_PIXELS))
        axes.imshow(small, interpolation="lanczos")
        axes.set_axis_off()
        axes.set_anchor("S")
        figure.text(
            (column + 0.5) / columns,
            1 - (top + _CELL_INCHES + 0.05) / height,
            caption,
            ha="center",
            va="top",
            fontsize=7,
            parse_math=False,  # a file's name may hold dollars
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to)
