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
from PIL import Image, ImageFile, PngImagePlugin

from tests.code import ROOT
from vision import pictures

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


# --- order and index ---


def test_numbers_in_names_are_ordered_by_value():
    names = ["cat.10.jpg", "cat.2.jpg", "cat.1.jpg"]
    assert pictures.natural_order(names) == ["cat.1.jpg", "cat.2.jpg", "cat.10.jpg"]


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
    ],
)
def test_pictures_are_turned_upright(tmp_path, orientation, kind, loss, options):
    path = oriented(tmp_path / "a", orientation, format=kind, **options)
    assert distance(decoded(path), SMOOTH) <= loss


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_counts(tmp_path, kind):
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (50, 200)]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(tmp_path / "a", format=kind, save_all=True, append_images=frames[1:], **options)
    with Image.open(tmp_path / "a") as written:
        assert written.n_frames == 2
    assert (decoded(tmp_path / "a") == 50).all()


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
    assert "not a JPEG, PNG, BMP, GIF, WebP or HEIC" in pictures.why_unreadable(tmp_path / "a.jpg")


def test_forms_other_than_the_six_are_not_read(tmp_path):
    path = save(tmp_path / "a.jpg", NOISE, format="TIFF")
    assert "not a JPEG, PNG, BMP, GIF, WebP or HEIC" in pictures.why_unreadable(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "HEIF"])
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.2])
def test_a_file_cut_short_is_unreadable(tmp_path, kind, kept):
    path = save(tmp_path / "a", np.tile(NOISE, (4, 4, 1)), format=kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    reason = pictures.why_unreadable(path)
    assert reason
    assert "\n" not in reason


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
        save(folder / "two.jpg", NOISE, format="MPO", **options),
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
