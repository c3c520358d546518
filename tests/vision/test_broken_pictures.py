"""Broken pictures: no crash, no hang, each is either decoded or refused with a reason.

Whole files of every form are damaged as a bad disk, a cut line or malice would, and go through all
that the stages do with pictures.
"""

import faulthandler
import io
import warnings
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from PIL import Image

from vision import pictures

MUTANTS = 1500
# For speed. A picture takes milliseconds then; a busy machine is allowed more, but no hang.
PIXELS = 1_000_000
SECONDS = 60
SIZE = 64
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# What lengths, sizes and counts are set to.
EXTREMES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00\x00", b"\xff\xff", b"\x7f\xff", b"\xff" * 4)


def whole_files():
    """Files of each form, by its name: with the features that decoders have code for."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    rgb = small.resize((48, 36), Image.Resampling.BICUBIC)
    grey, alpha, palette, cmyk = rgb.convert("L"), rgb.copy(), rgb.convert("P"), rgb.convert("CMYK")
    alpha.putalpha(grey)
    bits, deep = grey.convert("1"), Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = 6, "maker"
    exif = {"exif": tags}
    frames = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    moving = frames | {"duration": 40}
    comment = {"comment": b"comment"}
    forms = {
        "JPEG": [
            (rgb, {}),
            (rgb, {"progressive": True, "quality": 90}),
            (rgb, {"subsampling": 0, "restart_marker_rows": 1} | exif | comment),
            (cmyk, {}),
            (grey, {"icc_profile": b"no profile" * 20}),
        ],
        "PNG": [
            *((rgb, exif), (alpha, {}), (palette, {"transparency": 3})),
            *((bits, {}), (deep, {}), (rgb, moving)),
        ],
        "GIF": [
            (rgb, {}),
            (rgb, moving | {"loop": 0} | comment),
            (palette, {"transparency": 3, "interlace": 1}),
        ],
        "WEBP": [(rgb, exif), (rgb, {"lossless": True}), (alpha, {}), (rgb, moving)],
        "HEIF": [(rgb, exif), (alpha, {"quality": 90}), (rgb, frames)],
        "AVIF": [(rgb, exif), (alpha, {"quality": 90}), (rgb, moving)],
        "TIFF": [
            *((rgb, exif), (palette, {}), (cmyk, {}), (deep, {}), (grey.convert("I"), {})),
            (Image.merge("LAB", rgb.split()), {}),
            *((rgb, {"compression": f"tiff_{name}"}) for name in ("lzw", "jpeg")),
            (rgb, frames | {"compression": "tiff_adobe_deflate"}),
            *((alpha, {"compression": "packbits"}), (bits, {"compression": "group4"})),
        ],
        "MPO": [(rgb, frames | exif), (rgb, frames | {"progressive": True})],
    }
    return {
        kind: [encoded(picture, kind, options) for picture, options in each]
        for kind, each in forms.items()
    }


def encoded(picture, kind, options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def mutant(kind, files, rng):
    content, other = (bytearray(files[n]) for n in rng.integers(len(files), size=2))
    for _ in range(rng.geometric(0.6)):
        damage(content, other, rng)
    if kind == "PNG" and rng.random() < 0.7:
        mend_checksums(content)
    return bytes(content)


def damage(content, other, rng):
    at = place(content, rng)
    part = slice(at, at + rng.integers(1, 1 + max(1, len(content) // 4)))
    match rng.integers(8):
        case 0:  # some bits flip
            for at in [place(content, rng) for _ in range(rng.geometric(0.2))]:
                content[at : at + 1] = bytes(b ^ 1 << rng.integers(8) for b in content[at : at + 1])
        case 1:
            overwritten = rng.bytes(rng.integers(1, 17))
            content[at : at + len(overwritten)] = overwritten
        case 2:
            extreme = EXTREMES[rng.integers(len(EXTREMES))]
            content[at : at + len(extreme)] = extreme
        case 3:  # cut off
            del content[at:]
        case 4:  # cut out
            del content[part]
        case 5:  # doubled
            content[at:at] = content[part]
        case 6:  # zeroed
            content[part] = bytes(len(content[part]))
        case 7:  # joined with another file
            content[at:] = other[place(other, rng) :]


def place(content, rng):
    """In half of the cases near the start, where the headers are.

    Rarely in the first bytes of all, which tell the form: without them no decoder is tried.
    """
    near = min(len(content), 100) if rng.random() < 0.5 else len(content)
    first = 0 if rng.random() < 0.02 else min(16, near)
    return int(rng.integers(first, max(near, first + 1)))


def mend_checksums(content):
    """Let a broken PNG get past its checksums, and so to the code behind them."""
    start = len(PNG_MAGIC)
    while start + 12 <= len(content):
        end = start + 8 + int.from_bytes(content[start : start + 4], "big")
        if end + 4 > len(content):
            break
        content[end : end + 4] = zlib.crc32(content[start + 4 : end]).to_bytes(4, "big")
        start = end + 4


def is_decoded(content, kind, folder):
    """Do with a picture all that the stages do; one that fails stays in the folder."""
    path = folder / f"picture.{kind.lower()}"
    path.unlink(missing_ok=True)  # ext4 waits for the disk where a file is written over
    path.write_bytes(content)
    if reason := pictures.why_unreadable(path):
        assert isinstance(reason, str)
        return False
    assert pictures.load(path, SIZE).shape == (SIZE, SIZE, 3)
    pictures.form(path)
    written = folder / "plain"
    written.mkdir(exist_ok=True)
    pictures.write_plain(path, written, path.name)
    (plain,) = written.iterdir()
    assert pictures.is_plain(plain)
    assert pictures.decode(plain).size == pictures.decode(path).size
    plain.unlink()
    return True


def decoded_and_refused(folder):
    """Count what becomes of the mutants, by form."""
    faulthandler.enable()
    pictures.MAX_PIXELS = PIXELS
    warnings.simplefilter("ignore")  # Pillow's, of much that it mends
    files = whole_files()
    counts = {kind: Counter() for kind in files}
    for number in range(MUTANTS):
        kind = list(files)[number % len(files)]
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        content = mutant(kind, files[kind], np.random.default_rng([0, number]))
        counts[kind][is_decoded(content, kind, folder)] += 1
    faulthandler.cancel_dump_traceback_later()
    return {kind: (count[True], count[False]) for kind, count in counts.items()}


def test_thousands_of_broken_pictures_are_decoded_or_refused(tmp_path):
    # In a process of its own, as a decoder that crashes takes it along.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        counts = pool.submit(decoded_and_refused, tmp_path).result()
    # Some of either, or the mutants would be all too broken, or hardly at all.
    assert min(map(min, counts.values())) > 10, counts


def test_what_mutants_are_made_of_is_decoded(tmp_path):
    for kind, files in whole_files().items():
        assert all(is_decoded(content, kind, tmp_path) for content in files), kind
