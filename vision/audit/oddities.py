"""What is odd about a picture's file: broken, tiny, of extreme shape, one colour, misnamed."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageStat

from vision import pictures

_SUFFIXES = {
    "JPEG": {".jpg", ".jpeg"},
    "PNG": {".png"},
    "BMP": {".bmp"},
    "GIF": {".gif"},
    "WEBP": {".webp"},
    "HEIF": {".heic", ".heif"},
}
_TINY = 32  # pixels; below, there's less to see than in the least input that a backbone takes
_EXTREME = 4  # times as long as wide; squeezed into a square, little is left to know it by
_FLAT = 2  # levels of 255 that colours vary by, as the compression of one colour makes them


# In the order of their severity.
KINDS = ("broken", "one colour", "tiny", "extreme shape", "animated", "wrong extension")


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
    """Tell of a file that can't be decoded."""
    return Oddity("broken", 1.0, reason)


def find(path: Path, picture: Image.Image) -> list[Oddity]:
    """Tell what is odd about a file and the picture in it; mostly nothing is."""
    form, animated = pictures.form(path)
    width, height = picture.size
    spread = max(ImageStat.Stat(picture).stddev)
    odd = []
    if spread < _FLAT:
        odd.append(Oddity("one colour", 0.9, f"colours vary by {spread:.1f} of 255 levels"))
    if min(width, height) < _TINY:
        odd.append(Oddity("tiny", 0.7, f"{width}x{height} pixels"))
    if max(width, height) > _EXTREME * min(width, height):
        odd.append(Oddity("extreme shape", 0.6, f"{width}x{height} pixels"))
    if animated:
        odd.append(Oddity("animated", 0.4, "its first frame is taken"))
    if path.suffix.lower() not in _SUFFIXES[form]:
        odd.append(Oddity("wrong extension", 0.2, f"{form} in a file called {path.suffix}"))
    return odd
