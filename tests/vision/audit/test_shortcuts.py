"""Planted shortcuts are found; where there are none, none is."""

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from vision import pictures
from vision.audit import shortcuts
from vision.selection.groups import read_exif

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


def measured(path):
    return shortcuts.measure(path, read_exif(path), pictures.decode(path))


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
        seen.append(measured(path))
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
            seen.append(measured(path))
            labels.append(group % 2)
            groups.append(group)
    labels, groups = np.array(labels), np.array(groups)
    by_picture = shortcuts.find(seen, labels, np.arange(len(labels)), 0)
    assert min(each.p for each in by_picture) < 0.01
    by_group = shortcuts.find(seen, labels, groups, 0)
    assert min(each.p for each in by_group) > 0.01


def drawn(numbers, seed=0):
    """What is seen of pictures whose colour alone depends on their class, on which all does."""
    rng = np.random.default_rng(seed)
    return [
        {name: [0.0] for name in shortcuts.NUISANCES if name != "camera"}
        | {"camera": "", "colour": [number + rng.normal() / 10]}
        for number in numbers
    ]


def test_a_class_with_too_few_groups_does_not_hide_what_tells_the_others():
    labels = np.array([0] * 30 + [1] * 30 + [2] * 4 + [3] * 8)
    groups = np.array([*range(64), *[64, 65, 66, 67] * 2])
    tested = shortcuts.testable(labels, groups)
    assert set(labels[tested]) == {0, 1}
    (found,) = shortcuts.find(
        [each for each, is_tested in zip(drawn(labels), tested, strict=True) if is_tested],
        labels[tested],
        groups[tested],
        0,
    )
    assert found.nuisance == "colour"
    assert found.is_worth_telling
    assert found.balanced_accuracy == 1  # not a little more, by rounding
    assert shortcuts.find(drawn(labels[:30]), labels[:30], groups[:30], 0) == []


def test_nothing_is_found_where_each_group_counts_for_one_class():
    """All groups of one class hold a picture of the other as well."""
    labels, groups = np.repeat([0, 1], [12, 6]), np.concatenate([np.arange(12), np.arange(6)])
    assert shortcuts.testable(labels, groups).all()
    assert shortcuts.find(drawn(labels), labels, groups, 0) == []


def test_the_pictures_of_a_burst_are_certain_once():
    """Four bursts of five near-copies each are told for certain, and of 300 others none is."""
    rng = np.random.default_rng(0)
    labels = np.concatenate([[0] * 20, rng.integers(2, size=300)])
    groups = np.concatenate([np.arange(20) // 5, np.arange(300) + 4])
    seen = drawn(rng.integers(2, size=320))
    for each in seen[:20]:
        each["colour"] = [9.0]
    (found,) = shortcuts.find(seen, labels, groups, 0)
    assert (found.probabilities[:20] >= 0.9).all()
    assert found.right <= 4
    assert not found._replace(p=0.001).is_worth_telling


def test_it_is_told_as_what_was_measured():
    """A guess is right on 0.9 of pictures of which as many are of one class; chance is 0.5."""
    figures = {"balanced_accuracy": 0.7, "chance": 0.5, "p": 0.001, "sure": 12}
    said = shortcuts.told("border", figures)
    assert "a balanced accuracy of 70%, where chance gives 50%" in said
    assert "that of 12 pictures nearly for certain" in said


def test_those_that_are_sure_and_wrong_are_not_counted_as_told():
    sure = shortcuts.Shortcut("size", 0.6, 0.5, 0.001, np.ones(1), right=95, wrong=5, groups=1000)
    assert sure.figures()["sure"] == 95
    assert sure.is_worth_telling
    assert not sure._replace(wrong=6).is_worth_telling
    assert not sure._replace(right=4, wrong=0).is_worth_telling


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
def test_of_a_picture_with_broken_exif_data_camera_time_and_place_are_unknown(tmp_path, suffix):
    path = tmp_path / f"p.{suffix}"
    draw(np.random.default_rng(0)).save(path, exif=b"Exif\0\0garbage!!")
    seen = measured(path)
    assert seen["camera"] == ""
    assert np.isnan([*seen["time"], *seen["place"]]).all()
    assert not np.isnan(seen["file"][:2]).any()


def test_channels_are_those_of_the_file(tmp_path):
    for mode, channels in (("L", 1), ("RGB", 3), ("RGBA", 4)):
        draw(np.random.default_rng(0)).convert(mode).save(tmp_path / "p.png")
        assert measured(tmp_path / "p.png")["file"][1] == channels


def test_of_a_file_that_only_its_first_frame_can_be_read_of_the_form_is_unknown(tmp_path):
    frames = [draw(np.random.default_rng(seed)) for seed in range(3)]
    path = tmp_path / "p.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    content = bytearray(path.read_bytes())
    at = content.rindex(b"ANMF")
    content[at + 30 : at + 60] = bytes(30)
    path.write_bytes(content)
    assert np.isnan(measured(path)["file"]).all()
