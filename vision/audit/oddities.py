"""Find odd files: broken, dark, tiny, long, of one colour, misnamed."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageStat

from vision import pictures

_TINY = 32  # pixels; below, there's less to see than in the least input that a backbone takes
_EXTREME = 4  # times as long as wide; squeezed into a square, little is left to know it by
_FLAT = 2  # levels of 255 that colours vary by, as the compression of one colour makes them


# In the order of their severity.
KINDS = (
    "broken", "transparent", "dark", "one colour", "tiny", "extreme shape", "animated",
    "wrong extension",
)  # fmt: skip
_WHITE = ((255, 255),) * 3


class Oddity(NamedTuple):
    """One thing odd about a file.

    Attributes
    ----------
    kind : one of KINDS.
    severity : from 0 to 1, for ranking: 1, there's no picture in it; below 0.5, only its form.
    """

    kind: str
    severity: float
    reason: str


def broken(reason: str) -> Oddity:
    """Return the oddity of a file that can't be decoded."""
    return Oddity("broken", 1.0, reason)


def find(path: Path, picture: Image.Image) -> list[Oddity]:
    """Return what is odd about a file and the picture in it; mostly nothing is."""
    form = pictures.form(path)
    width, height = picture.size
    spread = max(ImageStat.Stat(picture).stddev)
    odd = []
    if pictures.is_dark(picture):
        brightest = pictures.brightest(picture)
        reason = f"no value is above {brightest} of 255"
        if form.bits == 16:  # the upper 8 are decoded
            used = 8 + brightest.bit_length()
            reason += f": its 16 bits hold {used} at most; scale them up before"
        odd.append(Oddity("dark", 0.95, reason))
    elif picture.getextrema() == _WHITE and pictures.is_transparent(path):
        odd.append(Oddity("transparent", 0.95, "nothing of it is seen, and so it is white"))
    elif spread < _FLAT:
        odd.append(Oddity("one colour", 0.9, f"colours vary by {spread:.1f} of 255 levels"))
    if min(width, height) < _TINY:
        odd.append(Oddity("tiny", 0.7, f"{width}x{height} pixels"))
    if max(width, height) > _EXTREME * min(width, height):
        odd.append(Oddity("extreme shape", 0.6, f"{width}x{height} pixels"))
    if form.several:
        part = "page" if form.format == "TIFF" else "frame"
        odd.append(Oddity("animated", 0.4, f"its first {part} is taken"))
    if path.suffix.lower() not in pictures.SUFFIXES[form.format]:
        odd.append(Oddity("wrong extension", 0.2, f"{form.format} in a file called {path.suffix}"))
    return odd
