"""Pictures within the page: small, and in its own text."""

import base64
import io
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from vision import pictures

# Shown at up to half of that, so that they are sharp on fine screens and in print.
PIXELS = 320
_QUALITY = 78


# All of a picture as a data: address; with its size, nothing moves while the page is opened.
_ELEMENT = Markup('<img src="data:image/webp;base64,{}" alt="{}" width="{}" height="{}">')


def shown(picture: Image.Image, alt: str) -> Markup:
    """Return a picture, made small, as an <img> element.

    Parameters
    ----------
    alt : what it shows, for who can't see it.
    """
    small = picture.copy()
    small.thumbnail((PIXELS, PIXELS), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY)
    return _ELEMENT.format(base64.b64encode(buffer.getvalue()).decode(), alt, *small.size)


def read(path: Path, alt: str) -> Markup | None:
    """Show the picture in a file; None where it is no picture, as the audit finds some."""
    try:
        return shown(pictures.decode(path, PIXELS), alt)
    except (pictures.UnreadablePictureError, OSError):
        return None
