import errno
import re
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin

from tests.code import ROOT
from tests.files import write_files
from vision import pictures
from vision.sources import file_names

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (24, 32, 3), np.uint8)
GREY = RNG.integers(0, 256, (24, 32), np.uint8)
# Smooth, so that what JPEG loses is a few levels and not half the picture.
ACROSS, DOWN = np.meshgrid(np.linspace(0, 255, 48), np.linspace(0, 255, 32))
SMOOTH = np.stack([ACROSS, DOWN, 255 - ACROSS], axis=-1).astype(np.uint8)

# What JPEG at quality 95 may change in SMOOTH: 8 of 255 levels were never reached.
JPEG_LOSS = 8


SEVERAL = {"save_all": True, "append_images": [Image.fromarray(255 - NOISE)]}


def save(path, values, mode=None, **options):
    picture = Image.fromarray(values)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def decoded(path):
    picture = pictures.decode(path)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def distance(one, other):
    assert one.shape == other.shape
    return np.abs(one.astype(int) - other.astype(int)).max()


def grey_as_rgb(values):
    return np.stack([values] * 3, axis=-1)


def write_png(path, width, height, bits, colour, rows):
    """Write a PNG by hand: what Pillow can't write."""

    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def write_bmp(path, values, alpha, header=108):
    """Write a BMP of 32 bits with a mask for its alpha, as Pillow can't: header V4 or V5."""
    height, width = values.shape[:2]
    rows = np.dstack([values[::-1, :, ::-1], alpha[::-1]]).tobytes()
    sizes = struct.pack("<LllHHLLllLL", header, width, height, 1, 32, 3, len(rows), 0, 0, 0, 0)
    masks = struct.pack("<4L", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    start = 14 + header
    file = b"BM" + struct.pack("<LLL", start + len(rows), 0, start)
    path.write_bytes(file + (sizes + masks).ljust(header, b"\0") + rows)
    return path


# --- order and index ---


@pytest.mark.parametrize(
    "ordered",
    [["cat.1.jpg", "cat.2.jpg", "cat.10.jpg"], ["2 cats.jpg", "2.jpg", "10.jpg", "cat.jpg"]],
)
def test_names_are_ordered_by_the_numbers_in_them(ordered):
    assert pictures.natural_order(ordered[::-1]) == ordered
    equal = ["cat.1.jpg", "cat.01.jpg", "cat.001.jpg"]
    assert pictures.natural_order(equal) == pictures.natural_order(equal[::-1])


def test_the_index_is_ordered_by_class_then_naturally(tmp_path):
    assert list(pictures.index(tmp_path).columns) == ["file", "label"]
    (tmp_path / "README.md").touch()  # of no class
    files = ["cat/a.jpg", "cat/b.jpg", "dog/2.jpg", "dog/10.jpg"]
    write_files(tmp_path, dict.fromkeys(files[::-1], b""))
    index = pictures.index(tmp_path)
    assert list(index["file"]) == files
    assert list(index["label"]) == ["cat", "cat", "dog", "dog"]


# --- decoding: every form gives upright RGB ---


PALETTE = RNG.integers(0, 255, (256, 3), np.uint8)
SHADES = np.arange(0, 65536, 128, dtype=np.uint16).reshape(16, 32)


def coloured():
    picture = Image.fromarray(GREY, "L")
    picture.putpalette(PALETTE.tobytes())
    return picture


WITHOUT_ENTRY = PALETTE.copy()
WITHOUT_ENTRY[GREY[0, 0]] = 255
SEEN = np.where(GREY > 99, 0, 255).astype(np.uint8)  # the alpha of half of the pixels
ON_WHITE = np.where(SEEN == 0, 255, GREY)


# A picture, how it is saved, and what it is in RGB.
EXACT = {
    "RGB": (Image.fromarray(NOISE), {}, NOISE),
    "grey": (Image.fromarray(GREY), {}, grey_as_rgb(GREY)),
    "black and white": (Image.fromarray(GREY > 99), {}, grey_as_rgb((GREY > 99) * 255)),
    "palette": (coloured(), {}, PALETTE[GREY]),
    "transparent entry": (coloured(), {"transparency": int(GREY[0, 0])}, WITHOUT_ENTRY[GREY]),
    "grey with alpha": (Image.fromarray(np.dstack([GREY, SEEN]), "LA"), {}, grey_as_rgb(ON_WHITE)),
    "16 bits": (Image.fromarray(SHADES), {}, grey_as_rgb(SHADES // 256)),
    "16 bits, big-endian": (Image.fromarray(SHADES.astype(">u2")), {}, grey_as_rgb(SHADES // 256)),
    "16 bits in 32": (Image.fromarray(SHADES.astype(np.int32)), {}, grey_as_rgb(SHADES // 256)),
    "without loss": (Image.fromarray(NOISE), {"lossless": True}, NOISE),
}


@pytest.mark.parametrize(
    ("kind", "modes"),
    [
        ("PNG", ["RGB", "grey", "black and white", "palette", "transparent entry", "16 bits"]),
        ("PNG", ["grey with alpha"]),
        ("BMP", ["RGB", "grey", "black and white", "palette"]),
        ("GIF", ["grey", "black and white", "palette", "transparent entry"]),
        ("TIFF", ["16 bits", "16 bits, big-endian", "16 bits in 32"]),
        ("WEBP", ["without loss"]),
    ],
)
def test_pictures_are_decoded_as_they_are_whatever_their_name(tmp_path, kind, modes):
    for mode in modes:
        picture, options, expected = EXACT[mode]
        picture.save(tmp_path / "named.jpg", format=kind, **options)
        assert np.array_equal(decoded(tmp_path / "named.jpg"), expected), mode


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_behind_rgba_is_white(tmp_path, kind):
    alpha = np.tile(np.linspace(0, 255, 32).astype(np.uint8)[None, :, None], (24, 1, 1))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    path = save(tmp_path / "a", np.dstack([NOISE, alpha]), format=kind, **options)
    expected = NOISE * (alpha / 255) + 255 * (1 - alpha / 255)
    # One level: Pillow blends in whole numbers.
    assert np.abs(decoded(path) - expected).max() <= 1


@pytest.mark.parametrize("header", [108, 124])
def test_the_alpha_of_a_bmp_counts_unless_it_is_0_throughout(tmp_path, header):
    path = write_bmp(tmp_path / "a.bmp", NOISE, GREY * 0, header)
    with Image.open(path) as image:
        assert image.mode == "RGBA"
    assert np.array_equal(decoded(path), NOISE)
    assert not pictures.is_transparent(path)
    path = write_bmp(tmp_path / "a.bmp", NOISE, SEEN, header)
    assert np.array_equal(decoded(path), np.where(SEEN[..., None] == 0, 255, NOISE))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_is_transparent_throughout_is_known(tmp_path, kind):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    for opaque in (0, 1):
        alpha = GREY * 0
        alpha[3, 4] = opaque
        path = save(tmp_path / "a", np.dstack([NOISE, alpha]), format=kind, **options)
        assert pictures.is_transparent(path) == (not opaque)
        assert opaque or (decoded(path) == 255).all()


def test_png_of_few_or_many_bits_is_scaled(tmp_path):
    row = struct.pack(">6H", 0, 32768, 65535, 256, 511, 512)
    path = write_png(tmp_path / "a.png", 2, 1, bits=16, colour=2, rows=[row])
    assert decoded(path).tolist() == [[[0, 128, 255], [1, 1, 2]]]
    path = write_png(tmp_path / "a.png", 4, 1, bits=2, colour=0, rows=[bytes([0b00_01_10_11])])
    assert decoded(path)[0, :, 0].tolist() == [0, 85, 170, 255]


def test_cmyk_jpeg_is_decoded_as_the_light_that_its_inks_let_through(tmp_path):
    inks = np.dstack([SMOOTH, SMOOTH[..., 1] // 2])
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    light = 1 - inks / 255
    expected = 255 * light[..., :3] * light[..., 3:]
    assert np.abs(decoded(tmp_path / "a.jpg") - expected).max() <= JPEG_LOSS


# Where EXIF says the first stored row and column are in the upright picture, and what that makes
# of it (EXIF 2.32, section 4.6.4).
ORIENTATIONS = {
    1: lambda upright: upright,  # top, left
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.swapaxes(0, 1),  # left, top
    6: lambda upright: upright.swapaxes(0, 1)[::-1],  # right, top
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],  # right, bottom
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],  # left, bottom
}


def oriented(path, orientation, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(ORIENTATIONS[orientation](SMOOTH))
    return save(path, stored, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("kind", "loss", "options"),
    [
        ("JPEG", JPEG_LOSS, {"quality": 95, "subsampling": 0}),
        ("PNG", 0, {}),
        # Without loss, but for its own colour space of 8 bits.
        ("HEIF", 3, {"quality": -1, "chroma": 444}),
        ("AVIF", 4, {"quality": 100, "subsampling": "4:4:4"}),
        ("TIFF", 0, {"compression": "tiff_lzw"}),
        ("WEBP", 0, {"lossless": True}),
    ],
)
def test_pictures_are_turned_upright(tmp_path, orientation, kind, loss, options):
    path = oriented(tmp_path / "a", orientation, format=kind, **options)
    assert distance(decoded(path), SMOOTH) <= loss


def exif_block(orientation, tag, kind, value):
    """Give EXIF data of two entries, the second of any kind and value, as Pillow can't write it."""
    entries = struct.pack("<HHLHxx", 0x0112, 3, 1, orientation) + struct.pack(
        "<HHLL", tag, kind, 1, value
    )
    return b"Exif\0\0II*\0" + struct.pack("<LH", 8, 2) + entries + bytes(4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("tag", "value"),
    # Where the chroma is, and the unit of the resolution, which both take 16 bits.
    [(0x0213, 2**16 + 1), (0x0128, 2**31)],
)
def test_pictures_are_turned_upright_whatever_else_their_exif_data_say(tmp_path, kind, tag, value):
    stored = np.ascontiguousarray(ORIENTATIONS[6](SMOOTH))
    options = {"lossless": True} if kind == "WEBP" else {}
    path = save(tmp_path / "a", stored, format=kind, exif=exif_block(6, tag, 4, value), **options)
    with Image.open(path) as image, pytest.raises(struct.error):
        ImageOps.exif_transpose(image)  # it writes the data anew
    # JPEG halves the resolution of colours here, which costs more at the edges.
    assert distance(decoded(path), SMOOTH) <= 3 * JPEG_LOSS
    assert not pictures.is_plain(path.rename(tmp_path / "a.png"))


@pytest.mark.parametrize(
    ("kind", "orientation"),
    [
        (3, 65535),
        *product((1, 3, 7), (0, *range(2, 10))),
    ],  # SHORT, as it should be; BYTE, UNDEFINED
)
def test_an_orientation_counts_however_it_is_written_if_it_means_anything(
    tmp_path, kind, orientation
):
    exif = b"Exif\0\0II*\0" + struct.pack("<LHHHLL", 8, 1, 0x0112, kind, 1, orientation)
    stored = np.ascontiguousarray(ORIENTATIONS.get(orientation, ORIENTATIONS[1])(SMOOTH))
    path = save(tmp_path / "a.png", stored, exif=exif + bytes(4))
    assert np.array_equal(decoded(path), SMOOTH)
    assert pictures.is_plain(path) == (orientation not in ORIENTATIONS)


def test_an_orientation_that_stands_in_xmp_alone_counts(tmp_path):
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    path = save(tmp_path / "a.jpg", np.ascontiguousarray(ORIENTATIONS[6](SMOOTH)), xmp=xmp)
    assert decoded(path).shape == SMOOTH.shape
    assert not pictures.is_plain(path)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LAB"])
def test_tiff_is_decoded_as_the_same_picture_elsewhere(tmp_path, mode, compression):
    noise = Image.fromarray(NOISE)
    picture = Image.merge("LAB", noise.split()) if mode == "LAB" else noise.convert(mode)
    picture.save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(decoded(tmp_path / "a.tif"), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.float32([[0, 0.5, 1]]), "floating-point pixels; save it with 8 or 16 bits"),
        (np.int32([[-5, 9]]), "pixels from -5 to 9, where 16 bits hold 0 to 65535"),
        (np.int32([[0, 65536]]), "pixels from 0 to 65536, where 16 bits hold 0 to 65535"),
    ],
)
def test_values_of_which_nobody_knows_what_is_white_are_refused(tmp_path, values, why):
    assert why in pictures.why_unreadable(save(tmp_path / "a.tif", values))


@pytest.mark.parametrize(
    ("kind", "kept"),
    [*product(["GIF", "PNG", "WEBP"], [1, 0.9, 0.5]), *product(["TIFF"], [1, 0.95, 0.7])],
)
def test_of_several_frames_or_pages_the_first_counts_even_if_it_is_broken_further_on(
    tmp_path, kind, kept
):
    frames = [Image.fromarray(RNG.integers(0, 256, (48, 48), np.uint8)) for _ in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / "a"
    frames[0].save(path, format=kind, save_all=True, append_images=frames[1:], **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert np.array_equal(decoded(path), grey_as_rgb(np.asarray(frames[0])))
    assert pictures.form(path).several
    assert not pictures.is_plain(path)
    path.write_bytes(content[: len(content) // 5])
    assert pictures.why_unreadable(path)


def test_a_later_frame_that_is_no_picture_does_no_harm_to_the_first(tmp_path):
    frames = [Image.fromarray(RNG.integers(0, 256, (48, 48), np.uint8)) for _ in range(2)]
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    before, part, after = path.read_bytes().rpartition(b"VP8L")
    path.write_bytes(before + part + after[:4] + bytes(len(after) - 4))
    with pytest.raises(OSError, match="decoder"):
        Image.open(path)
    assert np.array_equal(decoded(path), grey_as_rgb(np.asarray(frames[0])))


# --- unreadable files ---

BAD = (b"not a picture", b"\xff\xd8", b"\0" * 1000, b"<svg/>", b"P6 1 1 255 abc")
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 123\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty file"),
        *(
            (bad, f"not a {pictures.FORMAT_NAMES} picture, or broken at its beginning")
            for bad in BAD
        ),
        (LFS_POINTER, "fetch it with `git lfs pull`"),
    ],
)
def test_what_is_no_picture_is_unreadable_though_named_so(tmp_path, content, said):
    (tmp_path / "a.jpg").write_bytes(content)
    assert said in pictures.why_unreadable(tmp_path / "a.jpg")
    with pytest.raises(pictures.UnreadablePictureError, match=re.escape(said)):
        pictures.decode(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_a_file_cut_short_is_unreadable_and_called_so(tmp_path, kind):
    path = save(tmp_path / "a", np.tile(NOISE, (4, 4, 1)), format=kind)
    content = path.read_bytes()
    decoder_says_other_words = kind in ("WEBP", "HEIF", "AVIF")
    for kept in (0.9, 0.5, 0.2):
        path.write_bytes(content[: int(len(content) * kept)])
        reason = pictures.why_unreadable(path)
        assert reason
        assert "\n" not in reason
        assert not decoder_says_other_words or reason == "cut short; copy or download it again"
    if decoder_says_other_words:  # whole, but broken
        kept = 20 if kind == "WEBP" else 48  # the names of its parts
        path.write_bytes(content[:kept] + bytes(len(content) - kept))
        assert "cut short" not in pictures.why_unreadable(path)


def test_a_small_file_that_unfolds_to_many_pixels_is_refused_undecoded(tmp_path, monkeypatch):
    """Pillow alone would let it through: its own bound is higher."""
    width, height = 12_000, 11_500
    path = write_png(tmp_path / "a.png", width, height, bits=1, colour=0, rows=[bytes(1500)] * 11)
    assert path.stat().st_size < 1000
    assert pictures.MAX_PIXELS < width * height < 2 * Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)  # so that decoding fails otherwise
    assert pictures.why_unreadable(path) == "too many pixels"


@pytest.mark.parametrize(("bound", "at_once"), [(10**9, True), (1, False)])
def test_of_large_pictures_one_is_decoded_at_a_time(tmp_path, monkeypatch, bound, at_once):
    """Each takes up to 17 bytes a pixel: several at once would fill the memory."""
    paths = [save(tmp_path / f"{n}.png", NOISE) for n in range(8)]
    now, most = [], []
    plain = ImageFile.ImageFile.load

    def load(image):
        now.append(image)
        most.append(len(now))
        time.sleep(0.02)
        loaded = plain(image)
        now.pop()
        return loaded

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    monkeypatch.setattr(pictures, "LARGE_PIXELS", bound)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(pictures.why_unreadable, paths)) == [None] * 8
    assert (max(most) > 1) is at_once


def test_what_pillow_warns_of_is_not_reported_on_stderr(tmp_path):
    """With a line or two for each picture, what is reported would drown."""
    mended = save(tmp_path / "a.jpg", NOISE, exif=exif_block(6, 0x0213, 2, 2**31)[:30])

    def run(program):  # Pillow warns of pictures up to twice its bound
        bound = f"import sys; from PIL import Image; Image.MAX_IMAGE_PIXELS = 500; {program}"
        command = [sys.executable, "-c", bound, mended]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        return done.stdout, done.stderr

    said = run("Image.open(sys.argv[1]).getexif()")[1]
    assert "DecompressionBombWarning" in said
    assert "UserWarning" in said
    ours = "from pathlib import Path; from vision import pictures"
    ours += "; print(pictures.why_unreadable(Path(sys.argv[1])))"
    assert run(ours) == ("None\n", "")


# --- what decoders raise ---


class StrangeError(Exception):
    pass


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("method", ["draft", "load"])
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RuntimeError("no memory\nfor this"), "no memory for this"),
        (ValueError(), "broken"),
        (OSError(errno.EINVAL, "Invalid argument"), "Invalid argument"),
        (KeyError(282), "broken (KeyError: 282)"),
        (StrangeError("what?"), "broken (StrangeError: what?)"),
    ],
)
def test_whatever_a_decoder_raises_is_the_reason_in_one_line(
    tmp_path, monkeypatch, method, error, why
):
    path = save(tmp_path / "a.jpg", NOISE)
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, method, raising(error))
    with pytest.raises(pictures.UnreadablePictureError) as reason:
        pictures.decode(path, 8)
    assert str(reason.value) == why


@pytest.mark.parametrize("method", ["_open", "load"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), MemoryError()], ids=repr)
def test_the_trouble_of_the_system_is_not_the_pictures(tmp_path, monkeypatch, method, error):
    path = save(tmp_path / "a.jpg", NOISE)
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, method, raising(error))
    with pytest.raises(type(error)):
        pictures.why_unreadable(path)


def test_a_file_that_is_not_there_is_no_broken_picture_and_a_folder_is(tmp_path):
    for ask in (pictures.why_unreadable, pictures.is_plain, pictures.form):
        with pytest.raises(FileNotFoundError):
            ask(tmp_path / "gone.jpg")
    assert "directory" in pictures.why_unreadable(tmp_path)


def test_a_heic_whose_header_alone_is_whole_is_unreadable(tmp_path):
    """Its decoder raises a RuntimeError, and only when pixels are wanted."""
    path = save(tmp_path / "a.heic", np.zeros((480, 640, 3), np.uint8), format="HEIF")
    before, _, after = path.read_bytes().partition(b"ispe")
    # The size that is told: after the version, the width and the height.
    path.write_bytes(before + b"ispe" + after[:4] + struct.pack(">LL", 16, 16) + after[12:])
    with Image.open(path) as image, pytest.raises(RuntimeError):
        image.load()
    reason = pictures.why_unreadable(path)
    assert reason
    assert "\n" not in reason
    assert pictures.form(path).format == "HEIF"


def test_a_mode_that_cannot_be_converted_is_the_pictures(tmp_path):
    """Grey, multiplied by its transparency, as TIFF may be."""
    Image.merge("LA", [Image.fromarray(GREY)] * 2).save(tmp_path / "a.tif")
    plain, multiplied = (struct.pack("<HHLH", 338, 3, 1, kind) for kind in (2, 1))
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content.replace(plain, multiplied))
    with Image.open(tmp_path / "a.tif") as image:
        assert image.mode == "La"
    assert pictures.why_unreadable(tmp_path / "a.tif") == "conversion from La to L not supported"


# --- large metadata ---


def test_large_metadata_do_no_harm_up_to_a_bound(tmp_path):
    """Some programs keep their workflow in a picture."""
    for size in (5_000_000, pictures.MAX_METADATA + 1):
        texts = PngImagePlugin.PngInfo()
        texts.add_text("workflow", "x" * size, zip=True)
        for options in ({"pnginfo": texts}, {"icc_profile": b"z" * size}):
            path = save(tmp_path / "a.png", NOISE, **options)
            if size > pictures.MAX_METADATA:
                assert pictures.why_unreadable(path) == (
                    "its metadata (texts or a colour profile) unfold to more than 64 MB; save it "
                    "again without them"
                )
            else:
                assert path.stat().st_size < 50_000
                assert np.array_equal(decoded(path), NOISE)
                assert pictures.is_plain(path)


# --- plain pictures: those that other readers read as we do ---


def test_keras_reads_plain_pictures_as_we_do(tmp_path):
    """In each plain form; JPEG apart, their names say what they are."""
    folder = tmp_path / "class"
    folder.mkdir()
    row = RNG.bytes(32 * 6)
    write_png(folder / "16_bit_colours.png", 32, 24, bits=16, colour=2, rows=[row] * 24)
    save(folder / "rgb.png", NOISE)
    save(folder / "grey.png", GREY)
    save(folder / "palette.png", NOISE, "P")
    save(folder / "black_and_white.png", NOISE, "1")
    save(folder / "png_named.jpg", NOISE, format="PNG")
    paths = sorted(folder.iterdir())
    assert all(pictures.is_plain(path) for path in paths)
    read = keras.utils.image_dataset_from_directory(
        tmp_path, labels=None, batch_size=None, image_size=(24, 32), shuffle=False, verbose=False
    )
    assert len(paths) == len(read)
    for path, picture in zip(sorted(paths, key=str), read, strict=True):
        assert np.array_equal(picture.numpy(), decoded(path)), path.name


def test_tensorflow_decodes_plain_jpeg_as_we_do(tmp_path):
    smooth = SMOOTH[:24, :32]
    paths = [
        save(tmp_path / "rgb.jpg", smooth),
        save(tmp_path / "best.jpg", smooth, quality=95, subsampling=0),
        save(tmp_path / "progressive.jpg", smooth, progressive=True),
        save(tmp_path / "grey.jpg", smooth[..., 0]),
        oriented(tmp_path / "upright.jpg", 1),
        # One that others follow, as telephones write it.
        save(tmp_path / "mpo.jpg", smooth, format="MPO", quality=95, **SEVERAL),
    ]
    for path in paths:
        assert pictures.form(path) == ("JPEG", False, 8, True)
        # With the same cosine transform as Pillow; all else is laid down by the standard.
        exact = tf.io.decode_jpeg(path.read_bytes(), channels=3, dct_method="INTEGER_ACCURATE")
        assert np.array_equal(exact.numpy(), decoded(path)), path.name
        # By default TensorFlow takes a faster one, which is off by some levels.
        fast = tf.io.decode_image(path.read_bytes(), channels=3)
        assert distance(fast.numpy(), decoded(path)) <= 6, path.name


def not_plain(folder):
    transparent = np.dstack([NOISE, NOISE[..., :1]])
    return [
        save(folder / "rgba.png", transparent),
        save(folder / "grey_with_alpha.png", NOISE, "LA"),
        save(folder / "transparent_palette.png", NOISE, "P", transparency=3),
        save(folder / "transparent_colour.png", NOISE, transparency=(1, 2, 3)),
        save(folder / "16_bit_grey.png", GREY.astype(np.uint16) * 257),
        save(folder / "animated.png", NOISE, **SEVERAL),
        save(folder / "cmyk.jpg", NOISE, "CMYK"),
        save(folder / "a.webp", NOISE),
        save(folder / "a.heic", NOISE, format="HEIF"),
        save(folder / "a.gif", NOISE),
        save(folder / "animated.gif", NOISE, **SEVERAL),
        save(folder / "rgb.bmp", NOISE),
        save(folder / "palette.bmp", NOISE, "P"),
        *(oriented(folder / f"{number}.jpg", number) for number in range(2, 9)),
        oriented(folder / "6.png", 6),
    ]


def test_what_other_readers_may_read_otherwise_is_written_plain_and_looks_the_same(tmp_path):
    (tmp_path / "plain").mkdir()
    for path in not_plain(tmp_path):
        assert not pictures.is_plain(path), path.name
        written = tmp_path / "plain" / pictures.write_plain(path, tmp_path / "plain", path.name)
        assert pictures.is_plain(written), path.name
        assert np.array_equal(decoded(written), decoded(path)) or written.suffix == ".jpg"


def test_a_broken_block_of_exif_data_says_nothing(tmp_path):
    path = oriented(tmp_path / "a.jpg", 6)
    content = path.read_bytes()
    start = content.index(b"Exif\0\0") + 6
    seen = set()
    for offset in range(start, start + 26):
        for value in (0, 1, 9, 12, 255):
            path.write_bytes(content[:offset] + bytes([value]) + content[offset + 1 :])
            seen.add(decoded(path).shape)
            pictures.is_plain(path)
    assert seen == {(32, 48, 3), (48, 32, 3)}


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "AVIF", "HEIF"])
def test_photographs_that_need_turning_become_jpeg(tmp_path, kind):
    """As PNG they would be ten times as large."""
    path = oriented(tmp_path / "a", 6, format=kind, quality=95)
    (tmp_path / "plain").mkdir()
    assert pictures.write_plain(path, tmp_path / "plain", "a") == "a.jpg"
    # Once more through JPEG at quality 95 costs some levels of 255.
    assert distance(decoded(path), decoded(tmp_path / "plain/a.jpg")) <= 2 * JPEG_LOSS


@pytest.mark.parametrize(
    ("name", "kind", "written"),
    [
        ("a.jfif", "JPEG", "a.jfif.jpg"),
        ("a.JPE", "JPEG", "a.JPE.jpg"),
        ("a.pjpeg", "JPEG", "a.pjpeg.jpg"),
        ("a.mpo", "MPO", "a.mpo.jpg"),
        ("a", "JPEG", "a.jpg"),
        ("a.webp", "PNG", "a.webp.png"),
        ("a.png", "JPEG", "a.png"),
        ("a.png", "PNG", "a.png"),
        ("a.jpg", "MPO", "a.jpg"),
    ],
)
def test_what_is_plain_keeps_its_bytes_under_a_name_that_readers_know(
    tmp_path, name, kind, written
):
    path = save(tmp_path / name, NOISE, format=kind, **(SEVERAL if kind == "MPO" else {}))
    (tmp_path / "plain").mkdir()
    assert pictures.write_plain(path, tmp_path / "plain", name) == written
    assert (tmp_path / "plain" / written).read_bytes() == path.read_bytes()
    assert pictures.is_plain(tmp_path / "plain" / written)


@pytest.mark.parametrize("suffix", [".webp", ".png", ".heic"])
@pytest.mark.parametrize("letter", ["a", "猫"])
def test_a_name_that_would_become_too_long_is_shortened_and_stays_one_of_its_own(
    tmp_path, letter, suffix
):
    stem = letter * ((255 - len(suffix) - 1) // len(letter.encode()))
    (tmp_path / "plain").mkdir()
    kind = "HEIF" if suffix == ".heic" else suffix[1:]
    path = save(tmp_path / f"x{suffix}", np.dstack([NOISE, GREY]), format=kind)
    named = [f"dog-{stem}{end}{suffix}" for end in "12"]  # as one that is relabelled
    written = [pictures.write_plain(path, tmp_path / "plain", name) for name in named]
    assert len(set(written)) == 2
    assert all(200 < len(name.encode()) <= 255 for name in written)
    assert all(pictures.is_plain(tmp_path / "plain" / name) for name in written)
    for name in written:
        (tmp_path / "plain" / name).unlink()
    assert written == [pictures.write_plain(path, tmp_path / "plain", name) for name in named]
    fits = "a" * (255 - len(suffix) - 4) + suffix
    assert pictures.write_plain(path, tmp_path / "plain", fits).startswith(
        fits.removesuffix(suffix)
    )


# --- loading at the size of a network ---


def test_a_batch_holds_a_square_of_bytes_of_each_picture(tmp_path):
    paths = [save(tmp_path / "a.png", NOISE), save(tmp_path / "b.png", SMOOTH)]
    batch = pictures.load_batch(paths, 20)
    assert (batch.dtype, batch.shape) == (np.uint8, (2, 20, 20, 3))
    for picture, path in zip(batch, paths, strict=True):
        assert np.array_equal(picture, pictures.load(path, 20))


def test_a_wide_picture_is_squeezed_and_not_cropped(tmp_path):
    stripes = np.repeat(np.array([0, 50, 100, 200, 255], np.uint8), 40)
    path = save(tmp_path / "a.png", np.tile(stripes, (20, 1)))
    loaded = pictures.load(path, 100)
    # The middle of each stripe, out of its neighbours' reach.
    assert loaded[:, 10::20, 0].tolist() == [[0, 50, 100, 200, 255]] * 100


def test_a_large_jpeg_is_loaded_as_if_decoded_in_full_but_for_its_last_bits(tmp_path):
    large = np.asarray(Image.fromarray(SMOOTH).resize((1200, 800), Image.Resampling.BICUBIC))
    path = save(tmp_path / "large.jpg", large, quality=95)
    assert pictures.decode(path, 200).size == (300, 200)
    assert pictures.decode(path, 201).size == (600, 400)
    in_full = pictures.decode(path)
    # Some levels of 255: what is left out is finer than a pixel of the result. Of what is not much
    # larger nothing is.
    for size, allowed in ((50, 3), (500, 0)):
        expected = np.asarray(in_full.resize((size, size), Image.Resampling.BILINEAR))
        assert distance(pictures.load(path, size), expected) <= allowed


def test_sources_take_files_of_all_suffixes_that_can_be_decoded_and_of_no_other():
    assert set().union(*pictures.SUFFIXES.values()) == file_names.PICTURES
