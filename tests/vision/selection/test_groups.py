import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance, ImageOps
from PIL.ExifTags import IFD, Base

from vision.runtime.errors import UserError
from vision.selection.groups import find, perceptual_hash, read_exif, taken

MOMENT = "2026:11:30 12:00:"


def table(files, **columns):
    empty = {name: [""] * len(files) for name in ("split", "group", "folder", "weight")}
    return pd.DataFrame(empty | columns, index=files)


def grouped(group_by, files, **columns):
    """Find groups by what needs no files, as lists of their members."""
    of_file = find(group_by, table(files, **columns), None, {}, None)
    return members(of_file)


def members(of_file):
    found = pd.Series(of_file).groupby(list(of_file.values())) if of_file else []
    return [list(group.index) for _, group in found]


@pytest.mark.parametrize("column", ["group", "folder"])
def test_a_column_or_the_folder_names_groups_across_classes(column):
    group_by = "column" if column == "group" else column
    files = ["cat/1", "cat/2", "dog/1", "dog/2"]
    found = grouped(group_by, files, **{column: ["ann", "", "ann", "bob"]})
    assert found == [["cat/1", "dog/1"], ["dog/2"]]


def test_a_pattern_takes_what_its_brackets_match_in_the_name_alone():
    files = ["cat1/ann_1.jpg", "cat1/ann_2.jpg", "dog1/ann-3.jpg", "dog1/other.jpg"]
    assert grouped(r"^([a-z]+)[_-]\d", files) == [files[:3]]


@pytest.mark.parametrize(
    ("group_by", "said"),
    [
        ("column", "the table of labels has no column `group`"),
        ("folder", "there are no sub-folders in the folders of the classes"),
        (r"^(subject\d)", "no picture's name has it, such as 1.png"),
        ("30 s", "no file says when it was taken"),
    ],
)
def test_to_find_no_group_at_all_is_refused(tmp_path, group_by, said):
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "cat/1.png")
    with pytest.raises(UserError, match=r"^subset.group_by = .* finds no group: ") as refusal:
        find(group_by, table(["cat/1.png"]), tmp_path.joinpath, {}, None)
    assert said in str(refusal.value)


@pytest.fixture
def photograph(tmp_path):
    """Writes pictures with EXIF data."""

    def write(name, time=None, camera="Canon", fraction=None):
        exif = Image.Exif()
        exif[Base.Make] = camera
        if time:
            exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = time
        if fraction:
            exif.get_ifd(IFD.Exif)[Base.SubsecTimeOriginal] = fraction
        Image.new("RGB", (9, 9)).save(tmp_path / name, exif=exif)
        return name

    return write


def test_pictures_of_one_camera_are_linked_from_one_to_the_next(tmp_path, photograph):
    files = [
        photograph("a.jpg", MOMENT + "00"),
        photograph("b.jpg", MOMENT + "20"),
        photograph("c.jpg", MOMENT + "40"),
        photograph("d.jpg", MOMENT + "40", camera="Nikon"),
        photograph("e.jpg", MOMENT + "59"),
        photograph("f.jpg"),
    ]
    of_file = find("20 s", table(files), tmp_path.joinpath, {}, None)
    assert members(of_file) == [["a.jpg", "b.jpg", "c.jpg", "e.jpg"]]
    of_file = find("19.5s", table(files), tmp_path.joinpath, {}, None)
    assert members(of_file) == [["c.jpg", "e.jpg"]]


def test_the_time_of_a_picture_is_read_to_the_fraction_of_a_second(tmp_path, photograph):
    one, other = (
        taken(read_exif(tmp_path / photograph(f"{fraction}.jpg", MOMENT + "00", fraction=fraction)))
        for fraction in ("25", "750")
    )
    assert other.seconds - one.seconds == 0.5
    assert one.camera == "Canon"
    for time in ("0000:00:00 00:00:00", "yesterday", " "):
        assert taken(read_exif(tmp_path / photograph("never.jpg", time))) is None
    (tmp_path / "broken.jpg").write_bytes(b"")
    assert taken(read_exif(tmp_path / "broken.jpg")) is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_time_is_read_of_each_format_that_has_it(tmp_path, photograph, suffix):
    moment = taken(read_exif(tmp_path / photograph(f"a.{suffix}", MOMENT + "00")))
    assert moment.camera == "Canon"


def drawn(seed):
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    return coarse.resize((120, 90), Image.Resampling.BICUBIC)


def test_near_copies_are_groups_and_other_pictures_are_none():
    shown = {
        "cat/1": drawn(1),
        "cat/1 small": drawn(1).resize((60, 45)),
        "cat/1 bright": ImageEnhance.Brightness(drawn(1)).enhance(1.2),
        "dog/1 mirrored": ImageOps.mirror(drawn(1)),
        "dog/2": drawn(2),
        "dog/2 again": drawn(2),
    } | {f"dog/{seed}": drawn(seed) for seed in range(3, 40)}
    hashes = {file: perceptual_hash(picture) for file, picture in shown.items()}
    digests = {file: file.removesuffix(" again") for file in shown}
    of_file = find("copies", table(list(shown)), None, hashes, digests.__getitem__)
    assert members(of_file) == [list(shown)[:4], list(shown)[4:6]]


def test_equal_files_are_a_group_whatever_their_hashes():
    hashes = {"a": (0, 0), "b": (2**40 - 1, 2**40 - 1), "c": (2**64 - 1,) * 2}
    digest = {"a": "same", "b": "same", "c": "other"}.__getitem__
    assert members(find("copies", table(list(hashes)), None, hashes, digest)) == [["a", "b"]]


def test_no_near_copies_is_an_answer_and_no_error():
    hashes = {"a": (0, 0), "b": (2**40 - 1, 2**40 - 1)}
    assert find("copies", table(list(hashes)), None, hashes, str) == {}
