"""Planted shortcuts are found; where there are none, none is."""

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from vision import pictures
from vision.audit import shortcuts

COUNT = 60


def draw(rng):
    """Draw a blurred picture that says nothing of its class."""
    small = Image.fromarray(rng.integers(60, 200, (6, 8, 3)).astype(np.uint8))
    return small.resize((96, 72), Image.Resampling.BICUBIC)


def save(picture, path, **options):
    picture.save(path, "JPEG", **({"quality": 90} | options))


def exif(**values):
    data = Image.Exif()
    for name, value in values.items():
        if name == "place":
            data.get_ifd(IFD.GPSInfo).update(value)
        elif name == "time":
            data.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = value
        else:
            data[Base[name]] = value
    return {"exif": data}


def watermarked(picture, rng):
    box = picture.copy()
    box.paste((255, 255, 255), (82, 62, 94, 65))
    box.paste((255, 255, 255), (86, 66, 90, 70))
    return box


def framed(picture, rng):
    frame = Image.new("RGB", picture.size, (12, 12, 12))
    frame.paste(picture.crop((3, 3, 93, 69)), (3, 3))
    return frame


def at(north, east):
    latitude = {GPS.GPSLatitude: (north, 30.0, 0.0), GPS.GPSLatitudeRef: "N"}
    return latitude | {GPS.GPSLongitude: (east, 15.0, 0.0), GPS.GPSLongitudeRef: "E"}


# What is done to the pictures of one class: to the picture, or to the file.
PLANTED = {
    "file": (lambda picture, rng: picture, lambda rng: {"quality": int(rng.integers(50, 75))}),
    "size": (lambda picture, rng: picture.resize((120, 90)), lambda rng: {}),
    "camera": (lambda picture, rng: picture, lambda rng: exif(Make="Acme", Model="X1")),
    "time": (
        lambda picture, rng: picture,
        lambda rng: exif(time=f"2024:06:{rng.integers(1, 29):02} 12:00:00"),
    ),
    "place": (lambda picture, rng: picture, lambda rng: exif(place=at(48.0, 11.0))),
    "colour": (lambda picture, rng: picture.point(lambda value: value // 2), lambda rng: {}),
    "border": (framed, lambda rng: {}),
    "corners": (watermarked, lambda rng: {}),
}


def plant(folder, change=None, options=None, share=0.7):
    """Write pictures of two classes, and give what is seen of each, and its class."""
    rng = np.random.default_rng(0)
    seen, labels = [], []
    for number in range(2 * COUNT):
        label, path = number % 2, folder / f"{number}.jpg"
        planted = change and label and rng.random() < share
        picture = draw(rng)
        save(
            change(picture, rng) if planted else picture, path, **(options(rng) if planted else {})
        )
        seen.append(shortcuts.measure(path, pictures.decode(path)))
        labels.append(label)
    return seen, np.array(labels)


@pytest.mark.parametrize("nuisance", PLANTED)
def test_a_planted_shortcut_is_found(tmp_path, nuisance):
    seen, labels = plant(tmp_path, *PLANTED[nuisance])
    found = {
        each.nuisance: each for each in shortcuts.find(seen, labels, np.arange(len(labels)), 0)
    }
    assert found[nuisance].p < 0.01
    assert found[nuisance].balanced_accuracy > 0.7


def test_where_there_is_none_none_is_found(tmp_path):
    seen, labels = plant(tmp_path)
    for seed in range(2):
        shuffled = np.random.default_rng(seed).permutation(labels)
        found = shortcuts.find(seen, shuffled, np.arange(len(labels)), seed)
        assert {each.nuisance for each in found} == {"colour", "border", "corners"}
        assert min(each.p for each in found) > 0.01


def test_pictures_of_one_group_count_once(tmp_path):
    """Bursts before one background each are alike in it, and that says nothing of the classes."""
    rng = np.random.default_rng(0)
    seen, labels, groups = [], [], []
    for group in range(24):
        picture = draw(rng)
        for n in range(5):
            path = tmp_path / f"{group}-{n}.jpg"
            save(picture, path)
            seen.append(shortcuts.measure(path, picture))
            labels.append(group % 2)
            groups.append(group)
    labels, groups = np.array(labels), np.array(groups)
    by_picture = shortcuts.find(seen, labels, np.arange(len(labels)), 0)
    assert min(each.p for each in by_picture) < 0.01
    by_group = shortcuts.find(seen, labels, groups, 0)
    assert min(each.p for each in by_group) > 0.01
