"""Finds and decodes pictures: any common form in, upright RGB out."""

import errno
import hashlib
import io
import shutil
import struct
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeVar

import numpy as np
import pillow_heif
from PIL import Image, JpegImagePlugin, PngImagePlugin

from vision.runtime.text import class_name, fitting, natural_order

if TYPE_CHECKING:
    import pandas as pd

Answer = TypeVar("Answer")

SPLITS = ("train", "validation", "test")
WEIGHTS = "weights.csv"

# Forms that are tried, by Pillow's names, with the suffixes that their files go by; others of
# Pillow's many parsers never see a file. HEIF is what iPhones write, as .heic; its first picture is
# upright already when Pillow gets it. AVIF comes before it, since HEIF's reader takes some AVIF
# files and then has no decoder for them.
SUFFIXES = {
    "JPEG": frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo"}),
    "PNG": frozenset({".png", ".apng"}),
    "BMP": frozenset({".bmp", ".dib"}),
    "GIF": frozenset({".gif"}),
    "WEBP": frozenset({".webp"}),
    "AVIF": frozenset({".avif"}),
    "HEIF": frozenset({".heic", ".heif", ".hif"}),
    "TIFF": frozenset({".tif", ".tiff"}),
}
# As people call them.
FORMAT_NAMES = "JPEG, PNG, BMP, GIF, WebP, AVIF, HEIC or TIFF"

# What TensorFlow's `decode_image` reads as we do, in these modes, with the suffixes that Keras
# looks for; the first one is given to files that lack it. Not BMP and GIF: it ignores the palette
# of the one and fails on some of either.
_PLAIN_SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",)}
_PLAIN_MODES = {"1", "L", "RGB", "P"}
_ANY_PLAIN_SUFFIX = {suffix for suffixes in _PLAIN_SUFFIXES.values() for suffix in suffixes}
# Compressed with loss, so that a copy may be, too.
_LOSSY_FORMATS = {"JPEG", "AVIF", "HEIF"}
# So high that a picture that was compressed before loses nothing that matters.
_JPEG_QUALITY = 95
# Times the size that a picture is decoded at, at least, before it is resized.
_ENOUGH = 2
# Of 255; next to nothing can be seen of a picture without a value above.
_DARK = 31

_EXIF_ORIENTATION = 0x0112
# What makes a picture upright, by its orientation (EXIF 2.32, section 4.6.4).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Some programs write it as a byte, and not as a number of 16 bits.
_TURNS |= {bytes([orientation]): turn for orientation, turn in _TURNS.items()}

# What Git puts in the place of a file that it keeps elsewhere (git-lfs, docs/spec.md).
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"

# A file of 2 kB may claim to be as large as it likes, and Pillow stops it at 179 million pixels, of
# which decoding takes up to 17 bytes each. Telephones take pictures of 108 million.
MAX_PIXELS = 2**27
# Of pictures beyond this one is decoded at a time, whatever the number of threads.
LARGE_PIXELS = 2**24
_large = threading.Lock()
# In bytes, of a PNG's texts together and of its colour profile. Programs write whole workflows into
# their pictures, beyond Pillow's own bound of 1 MB, which is there since 64 kB may unfold to 64 MB.
MAX_METADATA = 64 * 2**20
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MAX_METADATA
# Pillow warns of pictures about half as large as what it would refuse, for which there is a bound
# here, and of what it mends or passes over.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# What is the picture's own trouble of all that the system says: places in a file that can't be, and
# a folder in its place. The rest is the disk's or the machine's.
_OF_THE_PICTURE = {None, errno.EINVAL, errno.EISDIR}

pillow_heif.register_heif_opener()
# A JPEG file is its first picture. Pillow alone would also read the list of those that may follow
# (MPO, as telephones write it), and fail where that is broken.
Image.preinit()
Image.register_open("JPEG", JpegImagePlugin.JpegImageFile, Image.OPEN["JPEG"][1])


class UnreadablePictureError(Exception):
    """A file that isn't a picture, or is a broken one; the message is the reason, in one line."""


class Form(NamedTuple):
    """What the file of a picture is, whatever it is called.

    Attributes
    ----------
    format : a key of SUFFIXES.
    several : whether there are frames or pages beside the one that is taken.
    bits : of a value: 16, where the file has more than 8.
    plain : whether any reader that knows its format gives it the colours and the orientation of
        `decode`.
    """

    format: str
    several: bool
    bits: int
    plain: bool


def index(folder: Path) -> "pd.DataFrame":
    """List the pictures of a folder that has one sub-folder for each class.

    Returns
    -------
    One row a picture: `file`, its path within the folder with forward slashes, and `label`, its
    class; ordered by class, then by the natural order of names. And `weight`, what it counts beside
    others of its class, where the folder has WEIGHTS, a table of that by file.
    """
    import pandas as pd  # here, since it takes longer than all else that decoding pictures needs

    rows = [
        (f"{path.name}/{name}", label)
        for label, path in sorted(
            (class_name(path.name), path) for path in folder.iterdir() if path.is_dir()
        )
        for name in natural_order([picture.name for picture in path.iterdir()])
    ]
    found = pd.DataFrame(rows, columns=["file", "label"])
    if (folder / WEIGHTS).exists():
        weights = pd.read_csv(folder / WEIGHTS, index_col="file", keep_default_na=False)["weight"]
        found["weight"] = weights.loc[found["file"]].to_numpy()
    return found


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
        The file is empty, of no known format, cut short or otherwise broken, has more than
        MAX_PIXELS, or values of which nobody can tell what is white.
    OSError, MemoryError
        The system's trouble, not the picture's: there is no such file, it may not be read, the disk
        fails.
    """
    with _failures_named():
        empty = path.stat().st_size == 0
    if empty:
        raise UnreadablePictureError("empty file")
    with _opened(path) as image:
        with _failures_named(path):
            if least:
                image.draft(None, (least, least))
            image.load()
        turn = _turn(image)
        return _as_rgb(image if turn is None else image.transpose(turn))


@contextmanager
def _failures_named(path: Path | None = None) -> Iterator[None]:
    """Turn whatever the libraries raise about a file into an UnreadablePictureError with a reason.

    Decoders raise what they like on broken files, and each new one has its own. So that no fault of
    ours is taken for the picture's, nothing but calls of the libraries belongs inside.

    Parameters
    ----------
    path : of the file, where it is read; it may tell more than the library does.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in _OF_THE_PICTURE:
            raise
        raise UnreadablePictureError(_reason(error, path)) from None


def _reason(error: Exception, path: Path | None) -> str:
    """Tell in one line why a decoder gave up."""
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    of_the_system = isinstance(error, OSError) and error.errno is not None
    if path and not of_the_system and (told := _told_by_its_bytes(path)):
        return told
    if isinstance(error, Image.UnidentifiedImageError):
        return f"not a {FORMAT_NAMES} picture, or broken at its beginning"
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    if "MAX_TEXT" in text:  # Pillow's name of the bound
        return (
            f"its metadata (texts or a colour profile) unfold to more than "
            f"{MAX_METADATA // 2**20} MB; save it again without them"
        )
    if isinstance(error, OSError | SyntaxError | ValueError | RuntimeError):  # they speak to people
        return text or "broken"
    return f"broken ({type(error).__name__}: {text})"


def _told_by_its_bytes(path: Path) -> str | None:
    """Tell of a file that can't be decoded what is wrong, where that is plain, or None."""
    with path.open("rb") as file:
        beginning = file.read(len(_LFS_POINTER))
        if beginning == _LFS_POINTER:
            return "a pointer of Git LFS instead of the picture; fetch it with `git lfs pull`"
        if _is_cut_short(file, beginning, path.stat().st_size):
            return "cut short; copy or download it again"
    return None


def _is_cut_short(file: BinaryIO, beginning: bytes, size: int) -> bool:
    """Tell whether a file is shorter than it says itself.

    WebP says it at its beginning (RIFF), AVIF and HEIC of each of their parts (ISO/IEC 14496-12,
    section 4.2). Their decoders take what is missing for this or that; others say that it is.
    """
    if _is_webp(beginning):
        return 8 + int.from_bytes(beginning[4:8], "little") > size
    end = 0
    if beginning[4:8] == b"ftyp":
        while end < size:
            file.seek(end)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            if length == 1:  # it follows, with 64 bits
                length = int.from_bytes(header[8:], "big")
            if length < 8:  # broken, or 0: up to the end, wherever that is
                break
            end += length
    return end > size


def _is_webp(beginning: bytes) -> bool:
    return beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP"


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture, of which the header is read so far; a large one when no other one is."""
    with _failures_named(path):
        image = _open(path)
    with image:
        pixels = image.width * image.height
        if pixels > MAX_PIXELS:
            raise UnreadablePictureError("too many pixels")
        with _large if pixels > LARGE_PIXELS else nullcontext():
            yield image


def _open(path: Path) -> Image.Image:
    """Open a picture; of a WebP animation that is broken further on, its first frame.

    Other animations are read frame by frame. Of WebP, Pillow's decoder wants all or nothing.
    """
    try:
        return Image.open(path, formats=tuple(SUFFIXES))
    except OSError as error:
        if error.errno is not None or not (first := _first_webp_frame(path)):
            raise
    image = Image.open(io.BytesIO(first), formats=["WEBP"])
    image.is_animated = True
    return image


def _first_webp_frame(path: Path) -> bytes | None:
    """Give a WebP animation up to its first frame, as a file of its own; None for all else."""
    with path.open("rb") as file:
        if not _is_webp(file.read(12)):
            return None
    content = path.read_bytes()
    end = 12
    while end + 8 <= len(content):
        kind, length = struct.unpack_from("<4sL", content, end)
        end += 8 + length + length % 2
        if kind == b"ANMF" and end <= len(content):
            return b"RIFF" + struct.pack("<L", end - 8) + content[8:end]
    return None


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Tell how a picture is turned upright, as its EXIF data says; if it is broken, not at all.

    Pillow's own function writes the data anew, which fails for values that are merely unusual.
    """
    return _TURNS.get(_answer(lambda: image.getexif().get(_EXIF_ORIENTATION), otherwise=None))


def _answer(ask: Callable[[], Answer], otherwise: Answer) -> Answer:
    """Ask the libraries something of a picture, which may be too broken for them to tell."""
    try:
        with _failures_named():
            return ask()
    except UnreadablePictureError:
        return otherwise


def why_unreadable(path: Path) -> str | None:
    """Tell why a picture can't be decoded, or None where it can."""
    try:
        decode(path)
    except UnreadablePictureError as reason:
        return str(reason)
    return None


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise UnreadablePictureError("floating-point pixels; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        return _of_16_bits(np.asarray(image))
    with _failures_named():
        if _is_seen_through(image):
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            return Image.alpha_composite(white, image).convert("RGB")
        return image.convert("RGB")


def _is_seen_through(image: Image.Image) -> bool:
    """Tell whether a picture has transparency; of a BMP it is unused where it is 0 everywhere.

    Many programs write 32 bits for each pixel for the sake of their alignment alone.
    """
    unused = image.format == "BMP" and image.mode == "RGBA" and not image.getchannel("A").getbbox()
    return image.has_transparency_data and not unused


def _of_16_bits(values: np.ndarray) -> Image.Image:
    """Scale whole numbers to RGB; Pillow's own conversion would clip them.

    All are taken for 16 bits, also in a file with 32, for pictures of one set need one scale.
    """
    low, high = values.min(), values.max()
    if low < 0 or high >= 2**16:
        raise UnreadablePictureError(
            f"pixels from {low} to {high}, where 16 bits hold 0 to {2**16 - 1}; save it with 8 or "
            "16 bits"
        )
    return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")


def is_dark(picture: Image.Image) -> bool:
    """Tell whether next to nothing can be seen of an RGB picture, as it is all but black."""
    few = picture.resize((16, 16), Image.Resampling.NEAREST)  # mostly they tell already
    return all(brightest(each) <= _DARK for each in (few, picture))


def brightest(picture: Image.Image) -> int:
    """Give the greatest value of any colour of an RGB picture, 0 to 255."""
    return max(high for _, high in picture.getextrema())


def is_transparent(path: Path) -> bool:
    """Tell whether nothing is seen of a picture that can be decoded, but the white behind it."""
    with _opened(path) as image, _failures_named(path):
        return _is_seen_through(image) and not image.convert("RGBA").getchannel("A").getbbox()


def is_plain(path: Path) -> bool:
    """Tell whether any reader gives the picture the colours and the orientation of `decode`.

    Such a reader is `keras.utils.image_dataset_from_directory`, which knows neither WebP nor
    EXIF's orientation, drops transparency, and passes over files with other suffixes.
    """
    return path.suffix.lower() in _ANY_PLAIN_SUFFIX and form(path).plain


def form(path: Path) -> Form:
    """Tell the form of a picture that can be decoded."""
    with _opened(path) as image:
        # Where what follows the first one is broken, there are several.
        several = _answer(lambda: bool(getattr(image, "is_animated", False)), otherwise=True)
        with _failures_named():
            transparent = image.has_transparency_data
        return Form(
            image.format,
            several,
            16 if image.mode.startswith("I") or ";16" in str(image.tile) else 8,
            plain=image.format in _PLAIN_SUFFIXES
            and image.mode in _PLAIN_MODES
            and not transparent
            and not several
            and _turn(image) is None,
        )


def write_plain(source: Path, folder: Path, name: str) -> str:
    """Copy a picture into a folder, as one that any reader gives as `decode` does.

    A plain one is copied as it is, under a name with a suffix that readers know. Of others, JPEG,
    AVIF and HEIC become upright RGB JPEG, with a `.jpg` added to a name that lacks it, and
    everything else PNG, with `.png` added. A name that is too long for a file is shortened.

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
    of_source = form(source)
    written = "JPEG" if of_source.format in _LOSSY_FORMATS else "PNG"
    if of_source.plain:
        kept = _ANY_PLAIN_SUFFIX
    else:
        kept = _PLAIN_SUFFIXES["JPEG"] if written == "JPEG" else ()
    if source.suffix.lower() not in kept:
        name += _PLAIN_SUFFIXES[written][0]
    name = fitting(name)
    if of_source.plain:
        with source.open("rb") as content, (folder / name).open("xb") as file:
            shutil.copyfileobj(content, file)
        return name
    picture = decode(source)
    with (folder / name).open("xb") as file:
        if written == "JPEG":
            picture.save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        else:
            picture.save(file, "PNG")
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
