import pytest

from tests.files import write_files, write_tar, write_zip, zipped
from vision.errors import UserError
from vision.sources import tree


def names(source, scratch):
    return [entry.name for entry in tree.entries(source, scratch) if entry.open]


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


@pytest.mark.parametrize(("limit", "most"), [("MAX_FILES", 1), ("MAX_BYTES", 9)])
@pytest.mark.parametrize("pack", [write_zip, write_tar])
def test_what_unfolds_beyond_the_bounds_is_refused(tmp_path, monkeypatch, limit, most, pack):
    archive = pack(tmp_path / f"a.{pack.__name__[-3:]}", {"0.jpg": b"12345", "1.jpg": b"12345"})
    monkeypatch.setattr(tree, limit, most)
    with pytest.raises(UserError, match=r"1\.jpg goes beyond"):
        names(archive, tmp_path)


def test_an_inner_archive_beyond_the_bounds_is_not_even_copied(tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "a.zip", {"train.zip": bytes(10)})
    monkeypatch.setattr(tree, "MAX_BYTES", 9)
    with pytest.raises(UserError, match=r"train\.zip goes beyond"):
        names(archive, tmp_path)


def test_a_name_that_cannot_be_shown_is_refused(tmp_path):
    archive = write_zip(tmp_path / "a.zip", {"cat/\x1b[2J.jpg": b"x"})
    with pytest.raises(UserError, match=r"\\x1b"):
        names(archive, tmp_path)
