"""Pictures within the page: small, and in its own text."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from vision import pictures

# Shown at up to half of that, so that they are sharp on fine screens and in print.
PIXELS = 320
_QUALITY = 78


@dataclass(frozen=True)
class Shown:
    """A picture in the page.

    Attributes
    ----------
    source : all of it, as a data: address.
    alt : what it shows, for who can't see it.
    width, height : in pixels, so that nothing moves while the page is opened.
    """

    source: str
    alt: str
    width: int
    height: int


def shown(picture: Image.Image, alt: str) -> Shown:
    """Make a picture small and put it into text."""
    small = picture.copy()
    small.thumbnail((PIXELS, PIXELS), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY)
    source = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Shown(source, alt, *small.size)


def read(path: Path, alt: str) -> Shown | None:
    """Show the picture in a file; None where it is no picture, as the audit finds some."""
    try:
        return shown(pictures.decode(path, PIXELS), alt)
    except (pictures.UnreadablePictureError, OSError):
        return None
