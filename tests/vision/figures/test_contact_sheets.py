import numpy as np
import pytest
from PIL import Image

from vision.figures.contact_sheets import contact_sheet

COLUMNS = 3
RED = (255, 0, 0)


def sheet(path, sizes, caption="caption", heading="heading"):
    pictures = [Image.new("RGB", size, RED) for size in sizes]
    contact_sheet(path, heading, pictures, [caption] * len(sizes), COLUMNS)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def red_boxes(image):
    """Find the size (width, height) of what is red in each cell of the first row."""
    red = (image == RED).all(axis=-1)
    boxes = []
    for cell in np.array_split(red, COLUMNS, axis=1):
        rows, columns = np.flatnonzero(cell.any(axis=1)), np.flatnonzero(cell.any(axis=0))
        if len(rows):
            boxes.append((np.ptp(columns) + 1, np.ptp(rows) + 1))
    return boxes


@pytest.mark.parametrize(("pictures", "rows"), [(0, 0), (1, 1), (3, 1), (4, 2), (7, 3)])
def test_a_sheet_is_as_wide_as_its_columns_and_as_high_as_its_rows(tmp_path, pictures, rows):
    image = sheet(tmp_path / "a.png", [(40, 30)] * pictures)
    # At 110 pixels an inch: a cell is 1.75 in wide and with its caption 2.15 in high, under a
    # heading of 0.5 in. Half a pixel is rounded away.
    assert image.shape[1] == int(COLUMNS * 1.75 * 110)
    assert image.shape[0] == int((0.5 + rows * 2.15) * 110)


def test_without_pictures_there_is_still_the_heading(tmp_path):
    assert sheet(tmp_path / "a.png", []).min() < 100
    assert sheet(tmp_path / "b.png", [], heading="").min() == 255


def test_equal_pictures_give_equal_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        sheet(tmp_path / name, [(40, 30), (30, 40)])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_picture_keeps_its_shape(tmp_path):
    sizes = [(300, 150), (150, 300), (200, 200), (40, 20), (2000, 1000)]
    for some in (sizes[:3], sizes[3:]):
        found = red_boxes(sheet(tmp_path / "a.png", some))
        for size, (width, height) in zip(some, found, strict=True):
            # Its edges lie between the pixels of the sheet: one may be lost on each of two sides.
            assert abs(width / size[0] - height / size[1]) * max(size) <= 2
            assert max(width, height) >= 170  # it fills its cell of 192 pixels but for a margin


def test_a_caption_that_looks_like_mathematics_is_taken_as_it_is(tmp_path):
    # A file may be named so. As mathematics it would be an error.
    image = sheet(tmp_path / "a.png", [(40, 30)], caption="cat/$x^^$.jpg", heading="$x^^$")
    assert len(red_boxes(image)) == 1


@pytest.mark.parametrize("name", ["x" * 250, "W" * 250, "cat/" + "a long name " * 9, "猫" * 90])
def test_captions_and_headings_of_any_length_stay_apart(tmp_path, recwarn, name):
    image = sheet(tmp_path / "a.png", [(40, 30)] * 3, caption=name + ".jpg", heading=name)
    dark = (image < 128).all(axis=-1)
    heading, below = dark[:55].any(axis=0), dark[55:].any(axis=0)
    assert not heading[[0, -1]].any()
    for edge in np.linspace(0, image.shape[1] - 1, COLUMNS + 1).astype(int):
        assert not below[edge]
    assert not list(recwarn)  # of letters that the font lacks
