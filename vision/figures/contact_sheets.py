"""Draw contact sheets: pictures in a grid, each at its own shape with a caption."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from vision.figures import lettering
from vision.runtime.disk import replacing_file

_CELL_INCHES = 1.75
_CAPTION_INCHES = 0.4  # of up to two lines
_LINE_INCHES = 0.12
_CAPTION_POINTS = 7
_HEADING_INCHES = 0.5
_HEADING_POINTS = 11
_FILLED = 0.94  # of a cell's width, by its picture and its caption
_DPI = 110
# Pictures are drawn at the size of their cells: larger ones would only make the file larger.
_CELL_PIXELS = int(_CELL_INCHES * _DPI)


def contact_sheet(
    to: Path,
    heading: str,
    pictures: Iterable[Image.Image],
    captions: Sequence[str],
    columns: int,
) -> None:
    """Write a PNG of pictures in rows, under a heading, each with a caption below it.

    No pictures at all leave the heading alone. Pictures are taken one at a time, so that they
    need not be in memory together. A line of a caption that is too wide for its cell is broken, or
    cut in its middle.
    """
    rows = math.ceil(len(captions) / columns)
    width = columns * _CELL_INCHES
    heading = _fitted(heading, _HEADING_POINTS, width)
    captions = [_fitted(caption, _CAPTION_POINTS, _CELL_INCHES) for caption in captions]
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    below = _CAPTION_INCHES + max(0, lines - 2) * _LINE_INCHES
    height = _HEADING_INCHES + rows * (_CELL_INCHES + below)
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    _write(figure, 0.5, 1 - _HEADING_INCHES / 2 / height, heading, _HEADING_POINTS, "center")
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(number, columns)
        top = _HEADING_INCHES + row * (_CELL_INCHES + below)
        axes = figure.add_axes(
            (
                (column + (1 - _FILLED) / 2) / columns,
                1 - (top + _CELL_INCHES) / height,
                _FILLED / columns,
                _CELL_INCHES / height,
            )
        )
        small = picture.copy()
        small.thumbnail((_CELL_PIXELS, _CELL_PIXELS))
        axes.imshow(small, interpolation="lanczos")
        axes.set_axis_off()
        axes.set_anchor("S")
        y = 1 - (top + _CELL_INCHES + 0.05) / height
        _write(figure, (column + 0.5) / columns, y, caption, _CAPTION_POINTS, "top")
    with replacing_file(to) as new:
        figure.savefig(new)


def _fitted(text: str, points: float, width: float) -> str:
    return lettering.fitted(lettering.drawable(text), points, width * _FILLED, _DPI)


def _write(figure: Figure, x: float, y: float, text: str, points: float, anchor: str) -> None:
    figure.text(
        x,
        y,
        text,
        ha="center",
        va=anchor,
        fontsize=points,
        fontfamily=lettering.families(text),
        parse_math=False,  # a file's name may hold dollars
    )
