"""What is odd about single files: their names, their pages, and pictures that are all but black."""

import numpy as np
import pytest
from PIL import Image

from vision import pictures
from vision.audit import oddities

RNG = np.random.default_rng(0)
BRIGHT = RNG.integers(0, 256, (64, 64, 3), np.uint8)


def found(path, values, **options):
    Image.fromarray(values).save(path, **options)
    return {odd.kind: odd.reason for odd in oddities.find(path, pictures.decode(path))}


def test_odd_files_are_told_by_what_is_odd(tmp_path):
    grey = np.full((60, 60, 3), 128, np.uint8)
    assert found(tmp_path / "fine.jpg", BRIGHT) == found(tmp_path / "fine.PNG", BRIGHT) == {}
    assert set(found(tmp_path / "tiny.png", BRIGHT[:31, :40])) == {"tiny"}
    assert set(found(tmp_path / "long.png", np.tile(BRIGHT[:45], (1, 4, 1)))) == {"extreme shape"}
    assert set(found(tmp_path / "grey.jpg", grey)) == {"one colour"}
    assert set(found(tmp_path / "called.jpg", BRIGHT, format="PNG")) == {"wrong extension"}


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_that_hold_fewer_are_told(tmp_path, bits, suffix):
    values = RNG.integers(0, 2**bits, (64, 64)).astype(np.uint16)
    odd = found(tmp_path / f"a{suffix}", values)
    if bits < 14:
        said = f": its 16 bits hold {bits} at most; scale them up before"
        assert odd == {"dark": f"no value is above {2 ** (bits - 8) - 1} of 255{said}"}
    else:
        assert odd == {}


def test_what_is_seen_of_nothing_is_told_and_not_as_one_colour(tmp_path):
    hidden = np.dstack([BRIGHT, BRIGHT[..., 0] * 0])
    said = {"transparent": "nothing of it is seen, and so it is white"}
    assert found(tmp_path / "a.png", hidden) == said
    assert found(tmp_path / "a.webp", hidden) == said
    assert found(tmp_path / "a.png", BRIGHT // 16) == {"dark": "no value is above 15 of 255"}
    assert found(tmp_path / "a.png", BRIGHT * 0) == {"dark": "no value is above 0 of 255"}
    assert found(tmp_path / "blue.png", BRIGHT * np.uint8([0, 0, 1])) == {}
    assert {"dark", "transparent"} < set(oddities.KINDS)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["a.jfif", "a.JPE"], "JPEG"),
        (["a.mpo"], "MPO"),
        (["a.avif"], "AVIF"),
        (["a.tif", "a.tiff"], "TIFF"),
        (["a.hif"], "HEIF"),
    ],
)
def test_a_suffix_that_goes_with_the_form_is_not_odd(tmp_path, names, kind):
    for name in names:
        assert found(tmp_path / name, BRIGHT, format=kind) == {}


def test_of_pages_and_frames_it_is_told_that_the_first_is_taken(tmp_path):
    several = {"save_all": True, "append_images": [Image.fromarray(255 - BRIGHT)]}
    for suffix, taken in (("tif", "page"), ("webp", "frame"), ("gif", "frame")):
        odd = found(tmp_path / f"a.{suffix}", BRIGHT, **several)
        assert odd == {"animated": f"its first {taken} is taken"}
    assert found(tmp_path / "two.jpg", BRIGHT, format="MPO", **several) == {}  # as telephones do
