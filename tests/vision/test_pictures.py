import errno
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin

from tests.code import ROOT
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


def test_numbers_in_names_are_ordered_by_value():
    names = ["cat.10.jpg", "cat.2.jpg", "cat.1.jpg"]
    assert pictures.natural_order(names) == ["cat.1.jpg", "cat.2.jpg", "cat.10.jpg"]


def test_names_that_begin_with_a_number_come_before_others():
    names = ["cat.jpg", "10.jpg", "2 cats.jpg", "2.jpg"]
    assert pictures.natural_order(names) == ["2 cats.jpg", "2.jpg", "10.jpg", "cat.jpg"]


def test_names_of_equal_numbers_have_one_order():
    names = ["cat.1.jpg", "cat.01.jpg", "cat.001.jpg"]
    assert pictures.natural_order(names) == pictures.natural_order(names[::-1])


def test_the_index_is_ordered_by_class_then_naturally(tmp_path):
    for file in ("dog/2.jpg", "dog/10.jpg", "cat/b.jpg", "cat/a.jpg"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    index = pictures.index(tmp_path)
    assert list(index["file"]) == ["cat/a.jpg", "cat/b.jpg", "dog/2.jpg", "dog/10.jpg"]
    assert list(index["label"]) == ["cat", "cat", "dog", "dog"]


def test_the_index_ignores_files_beside_the_classes(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/1.jpg").touch()
    (tmp_path / "README.md").touch()
    assert list(pictures.index(tmp_path)["file"]) == ["cat/1.jpg"]


def test_the_index_of_an_empty_folder_has_its_columns(tmp_path):
    index = pictures.index(tmp_path)
    assert list(index.columns) == ["file", "label"]
    assert len(index) == 0


# --- decoding: every form gives upright RGB ---


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "named.jpg"])
def test_rgb_is_decoded_as_it_is_whatever_the_name(tmp_path, name):
    save(tmp_path / name, NOISE, format="BMP" if name == "a.bmp" else "PNG")
    assert np.array_equal(decoded(tmp_path / name), NOISE)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_grey_is_decoded_as_three_equal_channels(tmp_path, kind):
    path = save(tmp_path / "a", GREY, format=kind)
    assert np.array_equal(decoded(path), grey_as_rgb(GREY))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_black_and_white_is_decoded_as_0_and_255(tmp_path, kind):
    path = save(tmp_path / "a", GREY > 99, format=kind)
    assert np.array_equal(decoded(path), grey_as_rgb((GREY > 99) * 255))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_a_palette_is_looked_up(tmp_path, kind):
    palette = RNG.integers(0, 256, (256, 3), np.uint8)
    picture = Image.fromarray(GREY, "L")
    picture.putpalette(palette.tobytes())
    picture.save(tmp_path / "a", format=kind)
    assert np.array_equal(decoded(tmp_path / "a"), palette[GREY])


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_entry_of_a_palette_is_white(tmp_path, kind):
    palette = RNG.integers(0, 255, (256, 3), np.uint8)
    picture = Image.fromarray(GREY, "L")
    picture.putpalette(palette.tobytes())
    picture.save(tmp_path / "a", format=kind, transparency=int(GREY[0, 0]))
    palette[GREY[0, 0]] = 255
    assert np.array_equal(decoded(tmp_path / "a"), palette[GREY])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_behind_rgba_is_white(tmp_path, kind):
    alpha = np.tile(np.linspace(0, 255, 32).astype(np.uint8)[None, :, None], (24, 1, 1))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    path = save(tmp_path / "a", np.dstack([NOISE, alpha]), format=kind, **options)
    expected = NOISE * (alpha / 255) + 255 * (1 - alpha / 255)
    # One level: Pillow blends in whole numbers.
    assert np.abs(decoded(path) - expected).max() <= 1


def test_what_is_behind_grey_with_alpha_is_white(tmp_path):
    alpha = np.where(GREY > 99, 0, 255).astype(np.uint8)
    Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)]).save(tmp_path / "a.png")
    expected = np.where(alpha == 0, 255, GREY)
    assert np.array_equal(decoded(tmp_path / "a.png"), grey_as_rgb(expected))


@pytest.mark.parametrize("header", [108, 124])
def test_an_alpha_that_a_bmp_leaves_at_0_hides_nothing(tmp_path, header):
    path = write_bmp(tmp_path / "a.bmp", NOISE, GREY * 0, header)
    with Image.open(path) as image:
        assert image.mode == "RGBA"
    assert np.array_equal(decoded(path), NOISE)
    assert not pictures.is_transparent(path)


def test_an_alpha_that_a_bmp_uses_counts(tmp_path):
    alpha = np.where(GREY > 99, 0, 255).astype(np.uint8)
    path = write_bmp(tmp_path / "a.bmp", NOISE, alpha)
    assert np.array_equal(decoded(path), np.where(alpha[..., None] == 0, 255, NOISE))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_is_transparent_throughout_is_known(tmp_path, kind):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    alpha = GREY * 0
    path = save(tmp_path / "a", np.dstack([NOISE, alpha]), format=kind, **options)
    assert pictures.is_transparent(path)
    assert (decoded(path) == 255).all()
    alpha[3, 4] = 1
    assert not pictures.is_transparent(
        save(tmp_path / "a", np.dstack([NOISE, alpha]), format=kind, **options)
    )


def test_what_has_no_transparency_is_not_transparent(tmp_path):
    assert not pictures.is_transparent(save(tmp_path / "a.jpg", NOISE * 0 + 255))


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path):
    values = np.arange(0, 65536, 128, dtype=np.uint16).reshape(16, 32)
    path = save(tmp_path / "a.png", values)
    assert np.array_equal(decoded(path), grey_as_rgb(values // 256))


def test_16_bit_colours_are_scaled(tmp_path):
    row = struct.pack(">6H", 0, 32768, 65535, 256, 511, 512)
    path = write_png(tmp_path / "a.png", 2, 1, bits=16, colour=2, rows=[row])
    assert decoded(path).tolist() == [[[0, 128, 255], [1, 1, 2]]]


def test_2_bit_grey_is_scaled(tmp_path):
    path = write_png(tmp_path / "a.png", 4, 1, bits=2, colour=0, rows=[bytes([0b00_01_10_11])])
    assert decoded(path)[0, :, 0].tolist() == [0, 85, 170, 255]


def test_jpeg_keeps_a_smooth_picture_but_for_its_loss(tmp_path):
    path = save(tmp_path / "a.jpg", SMOOTH, quality=95, subsampling=0)
    assert distance(decoded(path), SMOOTH) <= JPEG_LOSS


def test_cmyk_jpeg_is_decoded_as_the_light_that_its_inks_let_through(tmp_path):
    inks = np.dstack([SMOOTH, SMOOTH[..., 1] // 2])
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    light = 1 - inks / 255
    expected = 255 * light[..., :3] * light[..., 3:]
    assert np.abs(decoded(tmp_path / "a.jpg") - expected).max() <= JPEG_LOSS


def test_webp_is_decoded(tmp_path):
    path = save(tmp_path / "a.webp", NOISE, lossless=True)
    assert np.array_equal(decoded(path), NOISE)


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
    [
        (0x0213, 2**16 + 1),  # where the chroma is, which takes 16 bits
        (0x0128, 2**31),  # the unit of the resolution, which does, too
    ],
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


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", [1, 7])  # BYTE and UNDEFINED, where SHORT should be
def test_an_orientation_that_is_written_as_a_byte_counts(tmp_path, kind, orientation):
    exif = b"Exif\0\0II*\0" + struct.pack("<LHHHLL", 8, 1, 0x0112, kind, 1, orientation)
    stored = np.ascontiguousarray(ORIENTATIONS[orientation](SMOOTH))
    path = save(tmp_path / "a.png", stored, exif=exif + bytes(4))
    assert np.array_equal(decoded(path), SMOOTH)
    assert not pictures.is_plain(path)


def test_an_orientation_that_stands_in_xmp_alone_counts(tmp_path):
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    path = save(tmp_path / "a.jpg", np.ascontiguousarray(ORIENTATIONS[6](SMOOTH)), xmp=xmp)
    assert decoded(path).shape == SMOOTH.shape
    assert not pictures.is_plain(path)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_means_nothing_turns_nothing(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", SMOOTH, exif=exif)
    assert np.array_equal(decoded(path), SMOOTH)
    assert pictures.is_plain(path)


# --- TIFF and AVIF ---


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LAB"])
def test_tiff_is_decoded_as_the_same_picture_elsewhere(tmp_path, mode, compression):
    noise = Image.fromarray(NOISE)
    picture = Image.merge("LAB", noise.split()) if mode == "LAB" else noise.convert(mode)
    picture.save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(decoded(tmp_path / "a.tif"), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_16_bit_tiff_is_scaled_and_not_clipped(tmp_path, order):
    values = np.arange(0, 65536, 128, dtype=np.uint16).reshape(16, 32)
    path = save(tmp_path / "a.tif", values.astype(order))
    assert np.array_equal(decoded(path), grey_as_rgb(values // 256))


def test_what_holds_16_bits_in_32_is_read_as_16(tmp_path):
    values = np.arange(0, 65536, 128, dtype=np.int32).reshape(16, 32)
    path = save(tmp_path / "a.tif", values)
    assert np.array_equal(decoded(path), grey_as_rgb(values // 256))


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


def test_of_several_pages_the_first_counts_even_if_the_others_are_broken(tmp_path):
    path = tmp_path / "a.tif"
    first, second = Image.fromarray(NOISE), Image.fromarray(255 - NOISE)
    first.save(path, save_all=True, append_images=[second])
    assert np.array_equal(decoded(path), NOISE)
    whole = path.read_bytes()
    for kept in (0.95, 0.7):
        path.write_bytes(whole[: int(len(whole) * kept)])
        assert np.array_equal(decoded(path), NOISE)
        assert pictures.form(path).several


def test_avif_is_decoded_whatever_brand_of_the_container_comes_first(tmp_path):
    path = save(tmp_path / "a.avif", SMOOTH, quality=100, subsampling="4:4:4")
    content = path.read_bytes()
    for brand in (b"avif", b"mif1"):
        path.write_bytes(content[:8] + brand + content[12:])
        assert distance(decoded(path), SMOOTH) <= 4


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_counts(tmp_path, kind):
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (50, 200)]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(tmp_path / "a", format=kind, save_all=True, append_images=frames[1:], **options)
    with Image.open(tmp_path / "a") as written:
        assert written.n_frames == 2
    assert (decoded(tmp_path / "a") == 50).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.9, 0.5])
def test_of_an_animation_that_is_broken_further_on_the_first_frame_counts(tmp_path, kind, kept):
    frames = [Image.fromarray(RNG.integers(0, 256, (48, 48), np.uint8)) for _ in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / "a"
    frames[0].save(path, format=kind, save_all=True, append_images=frames[1:], **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert np.array_equal(decoded(path), grey_as_rgb(np.asarray(frames[0])))
    assert pictures.form(path).several
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


def test_of_several_pictures_in_one_jpeg_file_the_first_counts(tmp_path):
    first, second = Image.fromarray(SMOOTH), Image.fromarray(255 - SMOOTH)
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second], quality=95)
    # JPEG halves the resolution of colours here, which costs more at the edges.
    assert distance(decoded(tmp_path / "a.jpg"), SMOOTH) <= 3 * JPEG_LOSS


# --- unreadable files ---


def test_an_empty_file_is_unreadable(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert pictures.why_unreadable(tmp_path / "a.jpg") == "empty file"


@pytest.mark.parametrize("content", [b"not a picture", b"\xff\xd8", b"\0" * 1000, b"<svg/>"])
def test_what_is_no_picture_is_unreadable_though_named_so(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    said = pictures.why_unreadable(tmp_path / "a.jpg")
    assert said == f"not a {pictures.FORMAT_NAMES} picture, or broken at its beginning"


def test_forms_other_than_those_named_are_not_read(tmp_path):
    path = save(tmp_path / "a.jpg", NOISE, format="PPM")
    assert pictures.why_unreadable(path).startswith(f"not a {pictures.FORMAT_NAMES} picture")


def test_each_form_is_named_and_has_suffixes_of_its_own():
    names = pictures.FORMAT_NAMES.replace(" or ", ", ").replace("HEIC", "HEIF").upper().split(", ")
    assert names == list(pictures.SUFFIXES)
    suffixes = [suffix for of_one in pictures.SUFFIXES.values() for suffix in of_one]
    assert len(suffixes) == len(set(suffixes))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "HEIF", "AVIF", "TIFF"])
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.2])
def test_a_file_cut_short_is_unreadable(tmp_path, kind, kept):
    path = save(tmp_path / "a", np.tile(NOISE, (4, 4, 1)), format=kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    reason = pictures.why_unreadable(path)
    assert reason
    assert "\n" not in reason
    if kind in ("WEBP", "HEIF", "AVIF"):  # whose decoders have other words for it
        assert reason == "cut short; copy or download it again"


@pytest.mark.parametrize("kind", ["WEBP", "HEIF", "AVIF"])
def test_a_file_that_is_whole_but_broken_is_not_called_cut_short(tmp_path, kind):
    path = save(tmp_path / "a", NOISE, format=kind)
    content = path.read_bytes()
    kept = 20 if kind == "WEBP" else 48  # the names of its parts
    path.write_bytes(content[:kept] + bytes(len(content) - kept))
    assert "cut short" not in pictures.why_unreadable(path)


def test_parts_whose_length_takes_64_bits_are_followed_to_the_end(tmp_path):
    long = struct.pack(">L4sQ", 1, b"mdat", 16 + 100) + bytes(100)
    whole = b"\0\0\0\x14ftypavif" + bytes(8) + long
    path = tmp_path / "a.avif"
    path.write_bytes(whole)
    assert "cut short" not in pictures.why_unreadable(path)
    path.write_bytes(whole[:-1])
    assert "cut short" in pictures.why_unreadable(path)
    path.write_bytes(whole.replace(long[8:16], b"\xff" * 8))
    assert "cut short" in pictures.why_unreadable(path)


def test_a_pointer_of_git_lfs_is_told_with_how_to_get_the_picture(tmp_path):
    (tmp_path / "a.jpg").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"
    )
    assert "fetch it with `git lfs pull`" in pictures.why_unreadable(tmp_path / "a.jpg")


def test_a_picture_that_would_fill_the_memory_is_unreadable(tmp_path):
    path = write_png(tmp_path / "a.png", 60_000, 60_000, bits=8, colour=2, rows=[])
    assert pictures.why_unreadable(path) == "too many pixels"


def test_a_picture_at_the_bound_is_decoded_and_one_beyond_it_is_not(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", NOISE)
    monkeypatch.setattr(pictures, "MAX_PIXELS", NOISE.shape[0] * NOISE.shape[1])
    assert pictures.why_unreadable(path) is None
    monkeypatch.setattr(pictures, "MAX_PIXELS", NOISE.shape[0] * NOISE.shape[1] - 1)
    assert pictures.why_unreadable(path) == "too many pixels"


def test_a_small_file_that_unfolds_to_many_pixels_is_refused_undecoded(tmp_path, monkeypatch):
    """Pillow alone would let it through: its own bound is higher."""
    width, height = 12_000, 11_500
    path = write_png(tmp_path / "a.png", width, height, bits=1, colour=0, rows=[bytes(1500)] * 11)
    assert path.stat().st_size < 1000
    assert pictures.MAX_PIXELS < width * height < 2 * Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)  # so that decoding fails otherwise
    assert pictures.why_unreadable(path) == "too many pixels"


def test_of_large_pictures_one_is_decoded_at_a_time(tmp_path, monkeypatch):
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
    for bound, at_once in ((10**9, True), (1, False)):
        monkeypatch.setattr(pictures, "LARGE_PIXELS", bound)
        most.clear()
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(pictures.why_unreadable, paths)) == [None] * 8
        assert (max(most) > 1) is at_once


def test_a_large_picture_causes_no_warning(tmp_path):
    """Pillow prints one for each of more than half of what it would refuse."""
    path = save(tmp_path / "a.png", NOISE)
    program = (
        "import sys; from pathlib import Path; from PIL import Image; from vision import pictures\n"
        "Image.MAX_IMAGE_PIXELS = 500\n"
        "print(pictures.why_unreadable(Path(sys.argv[1])))"
    )
    assert 500 < NOISE.shape[0] * NOISE.shape[1] < 1000
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.stdout, done.stderr) == ("None\n", "")


def test_a_folder_is_unreadable(tmp_path):
    assert "directory" in pictures.why_unreadable(tmp_path)


# --- what decoders raise ---


class StrangeError(Exception):
    pass


@pytest.mark.parametrize("method", ["draft", "load", "convert"])
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RuntimeError("no memory\nfor this"), "no memory for this"),
        (ValueError(), "broken"),
        (OSError("cut short"), "cut short"),
        (OSError(errno.EINVAL, "Invalid argument"), "Invalid argument"),
        (KeyError(282), "broken (KeyError: 282)"),
        (AssertionError(), "broken (AssertionError: )"),
        (StrangeError("what?"), "broken (StrangeError: what?)"),
    ],
)
def test_whatever_a_decoder_raises_is_the_reason_in_one_line(
    tmp_path, monkeypatch, method, error, why
):
    path = save(tmp_path / "a.jpg", NOISE)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, method, fail)
    with pytest.raises(pictures.UnreadablePictureError) as reason:
        pictures.decode(path, 8)
    assert str(reason.value) == why


@pytest.mark.parametrize("method", ["_open", "load"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), MemoryError()], ids=repr)
def test_the_trouble_of_the_system_is_not_the_pictures(tmp_path, monkeypatch, method, error):
    path = save(tmp_path / "a.jpg", NOISE)

    def fail(*_):
        raise error

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, method, fail)
    with pytest.raises(type(error)):
        pictures.why_unreadable(path)


def test_a_file_that_is_not_there_is_no_broken_picture(tmp_path):
    for ask in (pictures.why_unreadable, pictures.is_plain, pictures.form):
        with pytest.raises(FileNotFoundError):
            ask(tmp_path / "gone.jpg")


def test_a_fault_of_ours_is_not_taken_for_a_broken_picture(tmp_path, monkeypatch):
    path = save(tmp_path / "a.jpg", NOISE)

    def fail(_):
        raise ValueError("a bug")

    monkeypatch.setattr(pictures, "_upright", fail)
    with pytest.raises(ValueError, match="a bug"):
        pictures.why_unreadable(path)


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


def test_what_pillow_mends_is_not_reported_on_stderr(tmp_path):
    """With a line or two for each picture, what is reported would drown."""
    exif = exif_block(6, 0x0213, 2, 2**31)
    path = save(tmp_path / "a.jpg", NOISE, exif=exif[:30])
    tell = "import sys; from pathlib import Path; {}; print({}(Path(sys.argv[1])){})"
    says, silent = (
        subprocess.run(
            [sys.executable, "-c", tell.format(*how), path],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        for how in (
            ("from PIL import Image", "Image.open", ".getexif() and None"),
            ("from vision import pictures", "pictures.why_unreadable", ""),
        )
    )
    assert "Warning" in says.stderr
    assert (silent.stdout, silent.stderr) == ("None\n", "")


# --- large metadata ---


def with_metadata(path, size):
    """Write pictures with metadata of so many bytes, as programs that keep their workflow in it."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("workflow", "x" * size, zip=True)
    texts.add_itxt("prompt", "y" * size, zip=True)
    return [
        save(path / "text.png", NOISE, pnginfo=texts),
        save(path / "profile.png", NOISE, icc_profile=b"z" * size),
    ]


def test_large_metadata_do_no_harm(tmp_path):
    for path in with_metadata(tmp_path, 5_000_000):
        assert path.stat().st_size < 50_000
        assert np.array_equal(decoded(path), NOISE)
        assert pictures.is_plain(path)


def test_metadata_beyond_the_bound_are_told_in_plain_words(tmp_path):
    for path in with_metadata(tmp_path, pictures.MAX_METADATA + 1):
        assert pictures.why_unreadable(path) == (
            "its metadata (texts or a colour profile) unfold to more than 64 MB; save it again "
            "without them"
        )


# --- dark pictures ---


@pytest.mark.parametrize(("level", "dark"), [(0, True), (31, True), (32, False), (255, False)])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_dark_is_what_has_no_bright_value_in_any_colour(level, dark, channel):
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[101, 7, channel] = level
    assert pictures.is_dark(Image.fromarray(pixels)) is dark
    assert pictures.brightest(Image.fromarray(pixels)) == level


def test_a_good_picture_has_no_reason_to_be_unreadable(tmp_path):
    assert pictures.why_unreadable(save(tmp_path / "a.png", NOISE)) is None


def test_decoding_an_unreadable_file_raises_the_reason(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(pictures.UnreadablePictureError, match="empty file"):
        pictures.decode(tmp_path / "a.jpg")


# --- plain pictures: those that other readers read as we do ---


def write_plain(folder):
    """Write a picture of each plain form; JPEG apart, their names say what they are."""
    folder.mkdir(parents=True)
    save(folder / "rgb.png", NOISE)
    save(folder / "grey.png", GREY)
    save(folder / "palette.png", NOISE, "P")
    save(folder / "black_and_white.png", NOISE, "1")
    save(folder / "png_named.jpg", NOISE, format="PNG")
    save(folder / "upright.png", NOISE, exif=Image.Exif())
    row = RNG.bytes(32 * 6)
    write_png(folder / "16_bit_colours.png", 32, 24, bits=16, colour=2, rows=[row] * 24)
    return sorted(folder.iterdir())


def write_plain_jpeg(folder):
    folder.mkdir(parents=True)
    smooth = SMOOTH[:24, :32]
    save(folder / "rgb.jpg", smooth)
    save(folder / "best.jpg", smooth, quality=95, subsampling=0)
    save(folder / "progressive.jpg", smooth, progressive=True)
    save(folder / "grey.jpg", smooth[..., 0])
    oriented(folder / "upright.jpg", 1)
    return sorted(folder.iterdir())


def test_keras_reads_plain_pictures_as_we_do(tmp_path):
    paths = write_plain(tmp_path / "class")
    assert all(pictures.is_plain(path) for path in paths)
    read = keras.utils.image_dataset_from_directory(
        tmp_path, labels=None, batch_size=None, image_size=(24, 32), shuffle=False, verbose=False
    )
    assert len(paths) == len(read)
    for path, picture in zip(sorted(paths, key=str), read, strict=True):
        assert np.array_equal(picture.numpy(), decoded(path)), path.name


def test_tensorflow_decodes_plain_jpeg_as_we_do(tmp_path):
    paths = write_plain_jpeg(tmp_path / "class")
    assert all(pictures.is_plain(path) for path in paths)
    for path in paths:
        # With the same cosine transform as Pillow; all else is laid down by the standard.
        exact = tf.io.decode_jpeg(path.read_bytes(), channels=3, dct_method="INTEGER_ACCURATE")
        assert np.array_equal(exact.numpy(), decoded(path)), path.name
        # By default TensorFlow takes a faster one, which is off by some levels.
        fast = tf.io.decode_image(path.read_bytes(), channels=3)
        assert distance(fast.numpy(), decoded(path)) <= 6, path.name


def not_plain(folder):
    transparent = np.dstack([NOISE, NOISE[..., :1]])
    options = {"save_all": True, "append_images": [Image.fromarray(255 - NOISE)]}
    return [
        save(folder / "rgba.png", transparent),
        save(folder / "grey_with_alpha.png", NOISE, "LA"),
        save(folder / "transparent_palette.png", NOISE, "P", transparency=3),
        save(folder / "transparent_colour.png", NOISE, transparency=(1, 2, 3)),
        save(folder / "16_bit_grey.png", GREY.astype(np.uint16) * 257),
        save(folder / "animated.png", NOISE, **options),
        save(folder / "cmyk.jpg", NOISE, "CMYK"),
        save(folder / "a.webp", NOISE),
        save(folder / "a.heic", NOISE, format="HEIF"),
        save(folder / "a.gif", NOISE),
        save(folder / "animated.gif", NOISE, **options),
        save(folder / "rgb.bmp", NOISE),
        save(folder / "palette.bmp", NOISE, "P"),
        *(oriented(folder / f"{number}.jpg", number) for number in range(2, 9)),
        oriented(folder / "6.png", 6),
    ]


def test_what_other_readers_may_read_otherwise_is_not_plain(tmp_path):
    assert [path.name for path in not_plain(tmp_path) if pictures.is_plain(path)] == []


def test_saved_as_png_anything_becomes_plain_and_stays_as_decoded(tmp_path):
    for path in not_plain(tmp_path):
        picture = pictures.decode(path)
        picture.save(tmp_path / "plain.png")
        assert pictures.is_plain(tmp_path / "plain.png"), path.name
        assert np.array_equal(decoded(tmp_path / "plain.png"), np.asarray(picture)), path.name


def test_a_picture_with_the_suffix_of_another_form_is_not_plain(tmp_path):
    # Keras passes over files that are called .webp.
    named = tmp_path / "a.webp"
    Image.fromarray(NOISE).save(named, "PNG")
    assert not pictures.is_plain(named)


def test_a_broken_block_of_exif_data_says_nothing(tmp_path):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(NOISE).save(path, exif=exif)
    upright = decoded(path).shape
    content = path.read_bytes()
    start = content.index(b"Exif\0\0") + 6
    seen = set()
    for offset in range(start, start + 26):
        for value in (0, 1, 9, 12, 255):
            path.write_bytes(content[:offset] + bytes([value]) + content[offset + 1 :])
            seen.add(decoded(path).shape)
            pictures.is_plain(path)
    assert seen == {upright, (upright[1], upright[0], 3)}


def test_what_is_written_plain_is_plain_and_looks_as_decoded(tmp_path):
    (tmp_path / "plain").mkdir()
    for path in not_plain(tmp_path):
        pictures.write_plain(path, tmp_path / "plain", path.name)
    assert all(pictures.is_plain(path) for path in (tmp_path / "plain").iterdir())


def test_a_rotated_jpeg_is_written_as_an_upright_jpeg(tmp_path):
    """As PNG, the photographs of a telephone would be ten times as large."""
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    smooth.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (tmp_path / "plain").mkdir()
    pictures.write_plain(tmp_path / "a.jpg", tmp_path / "plain", "a.jpg")
    written = tmp_path / "plain/a.jpg"
    assert pictures.is_plain(written)
    before, after = decoded(tmp_path / "a.jpg").astype(int), decoded(written).astype(int)
    # Once more through JPEG at quality 95 costs a few levels of 255.
    assert np.abs(before - after).max() <= 6


def test_plain_pictures_are_copied_as_they_are(tmp_path):
    path = save(tmp_path / "a.png", NOISE)
    (tmp_path / "plain").mkdir()
    pictures.write_plain(path, tmp_path / "plain", path.name)
    assert (tmp_path / "plain/a.png").read_bytes() == path.read_bytes()


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
        ("a.jpg", "MPO", "a.jpg"),
    ],
)
def test_what_is_plain_keeps_its_bytes_under_a_name_that_readers_know(
    tmp_path, name, kind, written
):
    options = {"save_all": True, "append_images": [Image.fromarray(255 - NOISE)]}
    path = save(tmp_path / name, NOISE, format=kind, **(options if kind == "MPO" else {}))
    (tmp_path / "plain").mkdir()
    assert pictures.write_plain(path, tmp_path / "plain", name) == written
    assert (tmp_path / "plain" / written).read_bytes() == path.read_bytes()
    assert pictures.is_plain(tmp_path / "plain" / written)


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".png", ".heic"])
@pytest.mark.parametrize("letter", ["a", "é", "猫"])
def test_a_name_that_would_become_too_long_is_shortened_and_stays_one_of_its_own(
    tmp_path, letter, suffix
):
    stem = letter * ((255 - len(suffix) - 1) // len(letter.encode()))
    (tmp_path / "plain").mkdir()
    kind = "HEIF" if suffix == ".heic" else suffix[1:]
    path = save(tmp_path / f"x{suffix}", np.dstack([NOISE, GREY]), format=kind)
    named = [f"{stem}{end}{suffix}" for end in "12"]
    if suffix == ".png":
        named = [f"dog-{name}" for name in named]  # as one that is relabelled
    written = [pictures.write_plain(path, tmp_path / "plain", name) for name in named]
    assert len(set(written)) == 2
    assert all(200 < len(name.encode()) <= 255 for name in written)
    assert all(pictures.is_plain(tmp_path / "plain" / name) for name in written)
    for name in written:
        (tmp_path / "plain" / name).unlink()
    assert written == [pictures.write_plain(path, tmp_path / "plain", name) for name in named]


def test_a_name_that_just_fits_is_kept(tmp_path):
    path = save(tmp_path / "x.webp", NOISE)
    name = "a" * 246 + ".webp"
    (tmp_path / "plain").mkdir()
    assert pictures.write_plain(path, tmp_path / "plain", name) == f"{name}.png"


def test_a_jpeg_that_others_follow_is_a_jpeg_wherever_it_is_read(tmp_path):
    options = {"save_all": True, "append_images": [Image.fromarray(255 - SMOOTH)]}
    path = save(tmp_path / "a.jpg", SMOOTH, format="MPO", **options)
    assert pictures.form(path) == ("JPEG", False, 8, True)
    exact = tf.io.decode_jpeg(path.read_bytes(), channels=3, dct_method="INTEGER_ACCURATE")
    assert np.array_equal(exact.numpy(), decoded(path))


@pytest.mark.parametrize("kind", ["MPO", "AVIF", "HEIF"])
def test_photographs_that_need_turning_become_jpeg(tmp_path, kind):
    """As PNG they would be ten times as large."""
    path = oriented(tmp_path / "a", 6, format=kind)
    (tmp_path / "plain").mkdir()
    assert pictures.write_plain(path, tmp_path / "plain", "a") == "a.jpg"
    assert decoded(tmp_path / "plain/a.jpg").shape == SMOOTH.shape


def test_the_bits_of_a_file_are_told(tmp_path):
    row = RNG.bytes(32 * 6)
    of_16 = [
        save(tmp_path / "grey.png", GREY.astype(np.uint16)),
        save(tmp_path / "grey.tif", GREY.astype(np.uint16)),
        write_png(tmp_path / "colours.png", 32, 24, bits=16, colour=2, rows=[row] * 24),
    ]
    of_8 = [
        save(tmp_path / "8.png", NOISE),
        save(tmp_path / "8.tif", NOISE),
        save(tmp_path / "8.jpg", NOISE),
    ]
    assert [pictures.form(path).bits for path in of_16 + of_8] == [16] * 3 + [8] * 3


def test_a_gif_whose_later_frames_are_broken_can_be_asked_about(tmp_path):
    frames = [Image.fromarray(RNG.integers(0, 256, (24, 32), np.uint8)) for _ in range(3)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    assert np.array_equal(decoded(path), grey_as_rgb(np.asarray(frames[0])))
    assert not pictures.is_plain(path)


# --- loading at the size of a network ---


def test_a_picture_is_loaded_as_a_square_of_bytes(tmp_path):
    loaded = pictures.load(save(tmp_path / "a.png", NOISE), 20)
    assert loaded.shape == (20, 20, 3)
    assert loaded.dtype == np.uint8


def test_black_and_white_stay_0_and_255(tmp_path):
    for level in (0, 255):
        path = save(tmp_path / "a.png", np.full((24, 32), level, np.uint8))
        assert (pictures.load(path, 20) == level).all()


def test_a_wide_picture_is_squeezed_and_not_cropped(tmp_path):
    stripes = np.repeat(np.array([0, 50, 100, 150, 200], np.uint8), 40)
    path = save(tmp_path / "a.png", np.tile(stripes, (20, 1)))
    loaded = pictures.load(path, 100)
    # The middle of each stripe, out of its neighbours' reach.
    assert loaded[:, 10::20, 0].tolist() == [[0, 50, 100, 150, 200]] * 100


def test_halving_weighs_the_four_pixels_around_by_their_distance(tmp_path):
    path = save(tmp_path / "a.png", NOISE[:24, :24])
    loaded = pictures.load(path, 12)
    # A triangle two pixels wide on either side: its heights at 0.5 and 1.5 pixels, as shares.
    weights = np.array([1, 3, 3, 1]) / 8
    expected = np.einsum("i,j,ijc->c", weights, weights, NOISE[3:7, 5:9])
    # Pillow rounds to whole levels twice, across and down.
    assert np.abs(loaded[2, 3] - expected).max() <= 1


def test_a_batch_holds_each_picture_as_loaded_alone(tmp_path):
    paths = [save(tmp_path / "a.png", NOISE), save(tmp_path / "b.png", SMOOTH)]
    batch = pictures.load_batch(paths, 20)
    assert batch.shape == (2, 20, 20, 3)
    assert batch.dtype == np.uint8
    for picture, path in zip(batch, paths, strict=True):
        assert np.array_equal(picture, pictures.load(path, 20))


def test_a_large_jpeg_is_loaded_as_if_decoded_in_full_but_for_its_last_bits(tmp_path):
    large = np.asarray(Image.fromarray(SMOOTH).resize((1200, 800), Image.Resampling.BICUBIC))
    path = save(tmp_path / "large.jpg", large, quality=95)
    assert pictures.decode(path, 200).size == (300, 200)
    assert pictures.decode(path, 201).size == (600, 400)
    in_full = pictures.decode(path).resize((50, 50), Image.Resampling.BILINEAR)
    # Some levels of 255: what is left out is finer than a pixel of the result.
    assert distance(pictures.load(path, 50), np.asarray(in_full)) <= 3


def test_a_picture_that_is_not_much_larger_is_decoded_in_full(tmp_path):
    path = save(tmp_path / "small.jpg", SMOOTH, quality=95)
    in_full = pictures.decode(path).resize((16, 16), Image.Resampling.BILINEAR)
    assert (pictures.load(path, 16) == np.asarray(in_full)).all()


def test_sources_take_files_of_all_suffixes_that_can_be_decoded_and_of_no_other():
    assert set().union(*pictures.SUFFIXES.values()) == file_names.PICTURES
