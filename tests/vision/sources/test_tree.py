import pytest

from tests.files import write_files, write_tar, write_zip, zipped
from vision.errors import UserError
from vision.sources.tree import Bounds, entries

BOUNDS = Bounds(1000, 1)


def names(source, scratch, bounds=BOUNDS):
    return [entry.name for entry in entries(source, scratch, bounds) if entry.open]


def test_archives_in_the_folder_and_train_archives_below_are_opened(tmp_path):
    pictures = zipped({"cat.0.jpg": b"c"})
    source = write_files(
        tmp_path / "source",
        {"b/train.zip": pictures, "b/test1.zip": pictures, "c/0.jpg": b"x", "pairs.zip": pictures},
    )
    write_zip(source / "k.zip", {"train.zip": pictures, "test1.zip": pictures, "s.csv": b""})
    assert names(source, tmp_path) == [
        "b/test1.zip",
        "b/train.zip/cat.0.jpg",
        "c/0.jpg",
        "k.zip/train.zip/cat.0.jpg",
        "k.zip/test1.zip",
        "k.zip/s.csv",
        "pairs.zip/cat.0.jpg",
    ]


def test_a_train_archive_is_not_opened_within_another_without_end(tmp_path):
    data = zipped({"train.zip": zipped({"train.zip": b"anything"})})
    source = write_files(tmp_path / "source", {"a.zip": data})
    assert names(source, tmp_path) == ["a.zip/train.zip/train.zip"]


def test_the_owners_links_are_followed(tmp_path):
    away = write_files(tmp_path / "away", {"cat/0.jpg": b"x"})
    archive = write_zip(tmp_path / "dogs.zip", {"dog/0.jpg": b"y"})
    source = tmp_path / "source"
    source.mkdir()
    (source / "cat").symlink_to(away / "cat")
    (source / "pictures.zip").symlink_to(archive)
    assert names(source, tmp_path) == ["cat/0.jpg", "pictures.zip/dog/0.jpg"]


@pytest.mark.parametrize(
    ("target", "said"), [("nowhere", "leads nowhere"), ("..", "lies in"), (".", "lies in")]
)
def test_links_to_nowhere_and_in_circles_are_refused(tmp_path, target, said):
    source = write_files(tmp_path / "source", {"cat/0.jpg": b"x"})
    (source / "cat" / "link").symlink_to(target)
    with pytest.raises(UserError, match=said):
        names(source, tmp_path)


@pytest.mark.parametrize("bounds", [Bounds(1, 1), Bounds(1000, 9e-9)], ids=["files", "bytes"])
@pytest.mark.parametrize("pack", [write_zip, write_tar])
def test_what_unfolds_beyond_the_bounds_is_refused(tmp_path, bounds, pack):
    archive = pack(tmp_path / f"a.{pack.__name__[-3:]}", {"0.jpg": b"12345", "1.jpg": b"12345"})
    with pytest.raises(UserError, match=r"goes beyond the .*download\.max_files"):
        names(archive, tmp_path, bounds)
    assert len(names(archive, tmp_path, Bounds(2, 10e-9))) == 2


def test_the_bounds_hold_for_all_archives_and_folders_together(tmp_path):
    source = write_files(tmp_path / "source", {"cat/0.jpg": b"12345"})
    write_zip(source / "a.zip", {"dog/0.jpg": b"12345"})
    assert len(names(source, tmp_path, Bounds(3, 10e-9))) == 2  # the folder is the third
    for bounds in (Bounds(2, 1), Bounds(1000, 9e-9)):
        with pytest.raises(UserError, match="goes beyond"):
            names(source, tmp_path, bounds)


def test_an_inner_archive_beyond_the_bounds_is_not_even_copied(tmp_path):
    archive = write_zip(tmp_path / "a.zip", {"train.zip": bytes(10)})
    with pytest.raises(UserError, match=r"train\.zip goes beyond"):
        names(archive, tmp_path, Bounds(1000, 9e-9))


def test_inner_archives_count_towards_the_bounds_though_nothing_is_in_them(tmp_path):
    """A zip may begin with anything: here each inner one is a thousand zeros, and no file."""
    inner = bytes(1000) + zipped({})
    archive = write_zip(tmp_path / "a.zip", {f"{n}/train.zip": inner for n in range(5)})
    with pytest.raises(UserError, match=r"4/train\.zip goes beyond"):
        names(archive, tmp_path, Bounds(1000, 5e-6))


@pytest.mark.parametrize("name", ["train.tar", "train.tgz"])
def test_a_tar_in_an_archive_is_opened(tmp_path, name):
    inner = write_tar(tmp_path / name, {"cat.0.jpg": b"c"}, "w:gz" if "gz" in name else "w")
    archive = write_zip(tmp_path / "a.zip", {name: inner.read_bytes()})
    assert names(archive, tmp_path) == [f"a.zip/{name}/cat.0.jpg"]


def test_a_name_that_cannot_be_shown_is_refused(tmp_path):
    archive = write_zip(tmp_path / "a.zip", {"cat/\x1b[2J.jpg": b"x"})
    with pytest.raises(UserError, match=r"\\x1b"):
        names(archive, tmp_path)
