"""Feeds broken pictures through all that decodes pictures, and counts what became of them.

python -m tools.fuzz 20000 --seed 1

Whole files of every form are mutated as a bad disk, a cut line or malice would: bits flipped, bytes
overwritten, ranges cut out, doubled or zeroed, the end cut off, numbers set to extremes, pieces of
two files joined. Each mutant is decoded, loaded, and written in its plain form as the stages do it;
it must be either decoded or refused with a reason. Another exception stops the run with its
traceback, a mutant that takes longer than SECONDS does too, and so does a crash of a decoder; each
time the file is kept. The same seed gives the same mutants, one by one.
"""

import argparse
import faulthandler
import io
import resource
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from vision import pictures

# A small picture takes milliseconds, the largest that is let through a minute, in all that is done
# with it on a busy machine; more is a hang.
SECONDS = 240
# At which a mutant is loaded, as for a network.
SIZE = 64
# Bytes at the start by which a form is known.
MAGIC = 16
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# Values that lengths, sizes and counts are set to.
EXTREMES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00\x00", b"\xff\xff", b"\x7f\xff", b"\xff" * 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", type=int, help="mutants to try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument(
        "--pixels",
        type=int,
        default=pictures.MAX_PIXELS,
        help="what is refused as too large; with less the run is faster, and tries bombs less",
    )
    arguments = parser.parse_args()
    pictures.MAX_PIXELS = arguments.pixels
    faulthandler.enable()
    # Pillow warns of much that it mends; what it refuses is counted.
    warnings.simplefilter("ignore")
    started = time.monotonic()
    counts, reasons, slowest = Counter(), Counter(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for number in range(arguments.first, arguments.first + arguments.files):
            kind, content = mutant(arguments.seed, number)
            # Outside of `work`, so that a crash leaves it for whoever looks into it.
            path = Path(tempfile.gettempdir()) / f"fuzz-{arguments.seed}-{number}.{kind.lower()}"
            path.write_bytes(content)
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            before = time.monotonic()
            reason = fate(path, work)
            slowest = max(slowest, time.monotonic() - before)
            faulthandler.cancel_dump_traceback_later()
            path.unlink()
            counts[kind, "refused" if reason else "decoded"] += 1
            if reason:
                reasons[reason.partition(":")[0][:40]] += 1
    for kind in seeds():
        tried = counts[kind, "decoded"] + counts[kind, "refused"]
        print(f"{kind}: {tried:,} tried, {counts[kind, 'decoded']:,} decoded, ", end="")
        print(f"{counts[kind, 'refused']:,} refused")
    for reason, number in reasons.most_common(8):
        print(f"  {number:,} x {reason}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{counts.total():,} in {time.monotonic() - started:.0f} s, ", end="")
    print(f"the slowest in {slowest:.2f} s, at most {peak:.2f} GB of memory")


def fate(path: Path, folder: Path) -> str | None:
    """Do with a picture all that the stages do; tell why it is refused, or None if it isn't."""
    reason = pictures.why_unreadable(path)
    if reason is not None:
        return reason
    assert pictures.load(path, SIZE).shape == (SIZE, SIZE, 3)
    pictures.form(path)
    pictures.write_plain(path, folder, path.name)
    (written,) = folder.iterdir()
    assert pictures.is_plain(written)
    assert pictures.decode(written).size == pictures.decode(path).size
    written.unlink()
    return None


def mutant(seed: int, number: int) -> tuple[str, bytes]:
    """Give the form and the content of one broken file."""
    rng = np.random.default_rng([seed, number])
    kinds = list(seeds())
    kind = kinds[number % len(kinds)]
    files = seeds()[kind]
    content = bytearray(files[rng.integers(len(files))])
    for _ in range(int(rng.geometric(0.6))):
        MUTATIONS[rng.integers(len(MUTATIONS))](content, files, rng)
    if kind == "PNG" and rng.random() < 0.7:
        _mend_checksums(content)
    return kind, bytes(content)


def _mend_checksums(content: bytearray) -> None:
    """Let a broken PNG get past its checksums, and so to the code behind them."""
    start = len(PNG_MAGIC)
    while start + 12 <= len(content):
        length = int.from_bytes(content[start : start + 4], "big")
        end = start + 8 + length
        if end + 4 > len(content):
            break
        content[end : end + 4] = zlib.crc32(content[start + 4 : end]).to_bytes(4, "big")
        start = end + 4


def _place(content: bytearray, rng: np.random.Generator) -> int:
    """Choose a place: in half of the cases near the start, where the headers are.

    Rarely in the first bytes of all, which tell the form: without them no decoder is tried.
    """
    near = min(len(content), 100) if rng.random() < 0.5 else len(content)
    first = 0 if rng.random() < 0.02 else min(MAGIC, near)
    return int(rng.integers(first, max(near, first + 1)))


def _range(content: bytearray, rng: np.random.Generator) -> slice:
    start = _place(content, rng)
    return slice(start, start + int(rng.integers(1, 1 + max(1, len(content) // 4))))


def _flip_bits(content: bytearray, _: list[bytes], rng: np.random.Generator) -> None:
    for _number in range(int(rng.geometric(0.2))):
        place = _place(content, rng)
        content[place : place + 1] = bytes(
            byte ^ 1 << int(rng.integers(8)) for byte in content[place : place + 1]
        )


def _overwrite(content: bytearray, _: list[bytes], rng: np.random.Generator) -> None:
    place, length = _place(content, rng), int(rng.integers(1, 17))
    content[place : place + length] = rng.bytes(length)


def _extreme(content: bytearray, _: list[bytes], rng: np.random.Generator) -> None:
    place, value = _place(content, rng), EXTREMES[rng.integers(len(EXTREMES))]
    content[place : place + len(value)] = value


def _cut_off(content: bytearray, _: list[bytes], rng: np.random.Generator) -> None:
    del content[_place(content, rng) :]


def _cut_out(content: bytearray, _: list[bytes], rng: np.random.Generator) -> None:
    del content[_range(content, rng)]


def _double(content: bytearray, _: list[bytes], rng: np.random.Generator) -> None:
    part = _range(content, rng)
    content[part.start : part.start] = content[part]


def _zero(content: bytearray, _: list[bytes], rng: np.random.Generator) -> None:
    part = _range(content, rng)
    content[part] = bytes(len(content[part]))


def _join(content: bytearray, files: list[bytes], rng: np.random.Generator) -> None:
    other = files[rng.integers(len(files))]
    content[_place(content, rng) :] = other[_place(bytearray(other), rng) :]


MUTATIONS: list[Callable[[bytearray, list[bytes], np.random.Generator], None]] = [
    _flip_bits,
    _overwrite,
    _extreme,
    _cut_off,
    _cut_out,
    _double,
    _zero,
    _join,
]

_SEEDS: dict[str, list[bytes]] = {}


def seeds() -> dict[str, list[bytes]]:
    """Give whole files of each form, by its name: the features that decoders have code for."""
    if not _SEEDS:
        for kind, picture, options in _forms():
            buffer = io.BytesIO()
            picture.save(buffer, kind, **options)
            _SEEDS.setdefault(kind, []).append(buffer.getvalue())
    return _SEEDS


def _forms() -> Iterator[tuple[str, Image.Image, dict]]:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    rgb = small.resize((48, 36), Image.Resampling.BICUBIC)
    grey, alpha = rgb.convert("L"), rgb.copy()
    alpha.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    frames = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    yield "JPEG", rgb, {}
    yield "JPEG", rgb, {"progressive": True, "quality": 90}
    yield (
        "JPEG",
        rgb,
        {"exif": exif, "subsampling": 0, "comment": b"comment", "restart_marker_rows": 1},
    )
    yield "JPEG", rgb.convert("CMYK"), {}
    yield "JPEG", grey, {"icc_profile": b"no profile" * 20}
    yield "PNG", rgb, {"exif": exif}
    yield "PNG", alpha, {}
    yield "PNG", rgb.convert("P"), {"transparency": 3}
    yield "PNG", grey.convert("1"), {}
    yield "PNG", Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), {}
    yield "PNG", rgb, {**frames, "duration": 40}
    yield "GIF", rgb, {}
    yield "GIF", rgb, {**frames, "duration": 40, "loop": 0, "comment": b"comment"}
    yield "GIF", rgb.convert("P"), {"transparency": 3, "interlace": 1}
    yield "WEBP", rgb, {"exif": exif}
    yield "WEBP", rgb, {"lossless": True}
    yield "WEBP", alpha, {}
    yield "WEBP", rgb, {**frames, "duration": 40}
    yield "HEIF", rgb, {"exif": exif}
    yield "HEIF", alpha, {"quality": 90}
    yield "HEIF", rgb, frames
    yield "AVIF", rgb, {"exif": exif}
    yield "AVIF", alpha, {"quality": 90}
    yield "AVIF", rgb, {**frames, "duration": 40}
    yield "TIFF", rgb, {"exif": exif}
    yield "TIFF", rgb, {"compression": "tiff_lzw"}
    yield "TIFF", rgb, {"compression": "jpeg"}
    yield "TIFF", rgb, {**frames, "compression": "tiff_adobe_deflate"}
    yield "TIFF", alpha, {"compression": "packbits"}
    yield "TIFF", rgb.convert("P"), {}
    yield "TIFF", grey.convert("1"), {"compression": "group4"}
    yield "TIFF", rgb.convert("CMYK"), {}
    yield "TIFF", Image.merge("LAB", rgb.split()), {}
    yield "TIFF", Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), {}
    yield "TIFF", grey.convert("I"), {}
    yield "MPO", rgb, {**frames, "exif": exif}
    yield "MPO", rgb, {**frames, "progressive": True}


if __name__ == "__main__":
    main()
