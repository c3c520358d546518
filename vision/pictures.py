"""Finds and decodes pictures: any common form in, upright RGB out."""

import hashlib
import shutil
import struct
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
from natsort import natsort_keygen
from PIL import Image, ImageOps

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")

# What TensorFlow's `decode_image` reads as we do, in these modes. Not BMP and GIF: it ignores the
# palette of the one and fails on some of either.
_PLAIN_FORMATS = {"JPEG", "PNG"}
_PLAIN_MODES = {"1", "L", "RGB", "P"}
# Formats that are tried; others of Pillow's many parsers never see a file. To Pillow, MPO (two
# pictures in one JPEG file, as telephones write it) is opened as JPEG. HEIF is what iPhones write,
# as .heic; its first picture is upright already when Pillow gets it.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "HEIF")
# Compressed with loss, so that a copy may be, too.
_LOSSY_FORMATS = {"JPEG", "HEIF"}
_PLAIN_SUFFIXES = {".jpg", ".jpeg", ".png"}
_EXIF_ORIENTATION = 0x0112
# What Pillow lets out where a block of EXIF data is broken.
_EXIF_ERRORS = (struct.error, OSError, SyntaxError, ValueError, KeyError, TypeError, OverflowError)
# So high that a picture that was compressed before loses nothing that matters.
_JPEG_QUALITY = 95
# Times the size that a picture is decoded at, at least, before it is resized.
_ENOUGH = 2

# A file of 2 kB may claim to be as large as it likes, and Pillow stops it at 179 million pixels, of
# which decoding takes up to 17 bytes each. Telephones take pictures of 108 million.
MAX_PIXELS = 2**27
# Of pictures beyond this one is decoded at a time, whatever the number of threads.
LARGE_PIXELS = 2**24
_large = threading.Lock()
# Pillow's own, about half of what it would refuse: there is a bound here.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_natural_key = natsort_keygen()

pillow_heif.register_heif_opener()


class UnreadablePictureError(Exception):
    """A file that isn't a picture, or is a broken one; the message is the reason."""


def natural_order(names: Sequence[str]) -> list[str]:
    """Sort names as people do: cat.2 before cat.10."""
    return sorted(names, key=lambda name: (_natural_key(name), name))


def index(folder: Path) -> "pd.DataFrame":
    """List the pictures of a folder that has one sub-folder for each class.

    Returns
    -------
    One row a picture: `file`, its path within the folder with forward slashes, and `label`, its
    class; ordered by class, then by the natural order of names.
    """
    import pandas as pd  # here, since it takes longer than all else that decoding pictures needs

    rows = [
        (f"{class_folder.name}/{name}", class_folder.name)
        for class_folder in sorted(path for path in folder.iterdir() if path.is_dir())
        for name in natural_order([path.name for path in class_folder.iterdir()])
    ]
    return pd.DataFrame(rows, columns=["file", "label"])


def decode(path: Path, least: int | None = None) -> Image.Image:
    """Decode a picture's (first) frame as upright RGB, transparency upon white.

    Parameters
    ----------
    least : height and width in pixels that are enough. A JPEG file may be decoded at half, a
        quarter or an eighth of its size, if that is no smaller (libjpeg's scaled decoding, which
        takes a fraction of the time). None: the picture's own.

    Raises
    ------
    UnreadablePictureError
        The file is empty, of no known format, cut short or otherwise broken, or has more than
        MAX_PIXELS.
    """
    if path.stat().st_size == 0:
        raise UnreadablePictureError("empty file")
    try:
        with _opened(path) as image:
            if least:
                image.draft(None, (least, least))
            image.load()
            return _as_rgb(_upright(image))
    except Image.DecompressionBombError:
        raise UnreadablePictureError("too many pixels") from None
    except Image.UnidentifiedImageError:
        raise UnreadablePictureError("not a JPEG, PNG, BMP, GIF, WebP or HEIC picture") from None
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError) as error:
        # Pillow's parsers let all of these out on broken files.
        raise UnreadablePictureError(" ".join(str(error).split()) or "broken") from None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture, of which the header is read so far; a large one when no other one is."""
    with Image.open(path, formats=_FORMATS) as image:
        pixels = image.width * image.height
        if pixels > MAX_PIXELS:
            raise UnreadablePictureError("too many pixels")
        with _large if pixels > LARGE_PIXELS else nullcontext():
            yield image


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF data says; a broken block of it says nothing."""
    try:
        return ImageOps.exif_transpose(image)
    except _EXIF_ERRORS:
        return image


def why_unreadable(path: Path) -> str | None:
    """Tell why a picture can't be decoded, or None where it can."""
    try:
        decode(path)
    except UnreadablePictureError as reason:
        return str(reason)
    return None


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion would clip them
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def is_plain(path: Path) -> bool:
    """Tell whether any reader gives the picture the colours and the orientation of `decode`.

    Such a reader is `keras.utils.image_dataset_from_directory`, which knows neither WebP nor
    EXIF's orientation, drops transparency, and passes over files with other suffixes.
    """
    with _opened(path) as image:
        return (
            path.suffix.lower() in _PLAIN_SUFFIXES
            and image.format in _PLAIN_FORMATS
            and image.mode in _PLAIN_MODES
            and not image.has_transparency_data
            and not getattr(image, "is_animated", False)
            and _orientation(image) == 1
        )


def form(path: Path) -> tuple[str, bool]:
    """Tell the format of a picture that can be decoded, and whether it is animated.

    A format is JPEG, PNG, BMP, GIF, WEBP or HEIF, whatever the file is called.
    """
    with Image.open(path, formats=_FORMATS) as image:
        several = image.format == "MPO"
        return (
            "JPEG" if several else image.format,
            not several and getattr(image, "is_animated", False),
        )


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_EXIF_ORIENTATION, 1)
    except _EXIF_ERRORS:
        return 1


def write_plain(source: Path, folder: Path, name: str) -> str:
    """Copy a picture into a folder, as one that any reader gives as `decode` does.

    A plain one is copied as it is. Of others, JPEG and HEIC become upright RGB JPEG, with a `.jpg`
    added to a name that lacks it, and everything else PNG, with `.png` added.

    Parameters
    ----------
    name : for the picture, with the suffix that it has.

    Returns
    -------
    The name that it got.

    Raises
    ------
    FileExistsError
        There is such a file already.
    """
    if is_plain(source):
        with source.open("rb") as content, (folder / name).open("xb") as file:
            shutil.copyfileobj(content, file)
        return name
    with Image.open(source, formats=_FORMATS) as image:
        lossy = image.format in _LOSSY_FORMATS
    suffixes = {".jpg", ".jpeg"} if lossy else set()
    if source.suffix.lower() not in suffixes:
        name += ".jpg" if lossy else ".png"
    with (folder / name).open("xb") as file:
        if lossy:
            decode(source).save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        else:
            decode(source).save(file, "PNG")
    return name


def load(path: Path, size: int) -> np.ndarray:
    """Decode a picture and resize it to a square, as the networks take it.

    The picture is squeezed into the square, as in the literature, by bilinear interpolation
    over all the pixels that a new one covers (so without aliasing). A large JPEG file isn't
    decoded in full: twice the size is enough for the same picture, but for its last bits.

    Returns
    -------
    RGB values 0-255, uint8, shape (size, size, 3).
    """
    decoded = decode(path, _ENOUGH * size)
    return np.asarray(decoded.resize((size, size), Image.Resampling.BILINEAR))


def load_batch(paths: Sequence[Path], size: int) -> np.ndarray:
    """Load several pictures: uint8, shape (pictures, size, size, 3)."""
    return np.stack([load(path, size) for path in paths])


def digest(path: Path) -> str:
    """Give the MD5 digest of a file, in hexadecimal, which is the one that DVC lists."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
