import tarfile
import zipfile

import pytest

from tests.files import files_below, write_files, write_tar, write_zip, zipped
from vision.runtime.errors import UserError
from vision.sources.entries import Bounds
from vision.sources.external import write_pictures
from vision.sources.rules import Rules

BOUNDS = Bounds(1000, 1)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "external"
    folder.mkdir()
    return folder


OWN = {"README.md": b"what to put here", ".gitignore": b"/*", "pets.zip.dvc": b"outs:"}


def test_an_empty_folder_is_refused_with_what_to_put_there(source, into):
    for files in ({}, OWN):
        write_files(source, files)
        with pytest.raises(UserError, match=r"external is empty; put an archive"):
            write_pictures(source, into, BOUNDS)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "missing doesn't exist; make that folder, and put an archive"),
        ("file", "file is a file; put a folder in its place"),
        ("gone", "gone is a link to nowhere, which is no folder"),
        ("loop", "loop is a link to loop, which is no folder"),
        ("linked", "linked is a link to file, which is no folder"),
    ],
)
def test_what_is_no_folder_is_called_what_it_is(tmp_path, name, said):
    write_files(tmp_path, {"file": b"x"})
    for link, target in (("gone", "nowhere"), ("loop", "loop"), ("linked", "file")):
        (tmp_path / link).symlink_to(target)
    with pytest.raises(UserError, match=said):
        write_pictures(tmp_path / name, tmp_path, BOUNDS)


def test_archives_and_folders_come_together_and_what_is_left_out_is_said(source, into):
    write_files(source, {**OWN, "cat/0.jpg": b"c", "cat/Thumbs.db": b""})
    write_zip(source / "dogs.zip", {"dog/0.jpg": b"d", "__MACOSX/dog/._0.jpg": b""})
    said = write_pictures(source, into, BOUNDS).said
    assert files_below(into) == {"cat/0.jpg": b"c", "dog/0.jpg": b"d"}
    assert said == [
        "2 files left out, since they are no pictures: .db 1, hidden 1 (such as "
        "dogs.zip/__MACOSX/dog/._0.jpg)"
    ]


@pytest.mark.parametrize("name", ["dogs-vs-cats.zip", "train.zip"])
def test_kaggles_archive_is_understood_whole_or_as_the_train_archive_in_it(source, into, name):
    train = {"train/cat.0.jpg": b"c", "train/dog.0.jpg": b"d"}
    whole = {"sampleSubmission.csv": b"id,label", "test1.zip": zipped({"test1/1.jpg": b"?"})}
    whole["train.zip"] = zipped(train)
    write_zip(source / name, train if name == "train.zip" else whole)
    write_pictures(source, into, BOUNDS)
    assert files_below(into) == {"cat/cat.0.jpg": b"c", "dog/dog.0.jpg": b"d"}


PICTURES = {
    f"{label}/{n}.jpg": f"{label} {n}".encode() for label in ("cat", "dog") for n in range(9)
}


@pytest.mark.parametrize("packing", ["zip", "tar", "folder"])
def test_the_order_the_times_and_the_packing_of_pictures_change_nothing(source, into, packing):
    """All that comes later reads what is written here."""
    backward = dict(reversed(PICTURES.items()))
    if packing == "zip":
        at = (2026, 1, 2, 3, 4, 6)
        write_zip(source / "b.zip", {zipfile.ZipInfo(n, at): data for n, data in backward.items()})
    elif packing == "tar":
        members = {f"pictures/{name}": data for name, data in backward.items()}
        write_tar(source / "b.tgz", members, "w:gz")
    else:
        write_files(source, backward)
    write_pictures(source, into, BOUNDS)
    assert files_below(into) == PICTURES


def test_linked_folders_are_refused(source, into, tmp_path):
    write_files(tmp_path / "away", {"cat/0.jpg": b"c"})
    (source / "cat").symlink_to("../away/cat")
    with pytest.raises(UserError, match=r"cat -> \.\./away/cat; DVC doesn't look into these"):
        write_pictures(source, into, BOUNDS)


def test_what_was_renamed_and_how_names_were_read_is_said(source, into):
    names = ("train/dXg/0.jpg", "train/cat/0.jpg", "val/dXg/0.jpg", "val/cat/1.jpg")
    data = write_zip(source / "a.zip", dict.fromkeys(names, b"")).read_bytes()
    (source / "a.zip").write_bytes(data.replace(b"dXg", "d\u00f6g".encode("cp437")))
    read, split, renamed = write_pictures(source, into, BOUNDS).said
    assert "d\u00f6g/val-0.jpg" in files_below(into)
    assert "names in a.zip don't say how they are encoded and were read as cp437" in read
    assert split.startswith("others have split these pictures: train 2, validation 2; that stays")
    assert renamed.startswith("1 pictures have names")
    assert renamed.endswith("such as val-0.jpg")


def test_pictures_that_a_tar_was_given_again_are_said(source, into):
    write_tar(source / "a.tar", {"cat/0.jpg": b"old", "dog/0.jpg": b"d"})
    with tarfile.open(source / "a.tar", "a") as archive:
        archive.addfile(tarfile.TarInfo("cat/0.jpg"))
    said = write_pictures(source, into, BOUNDS).said
    assert files_below(into) == {"cat/0.jpg": b"", "dog/0.jpg": b"d"}
    assert said == [
        "1 pictures are in their archive more than once, such as a.tar/cat/0.jpg; the last of each "
        "was taken"
    ]


def test_names_that_are_alike_are_taken_if_it_is_meant(source, into):
    files = {"glass/0.jpg": b"a", "glasses/0.jpg": b"b"}
    write_pictures(write_files(source, files), into, BOUNDS, Rules(check_names=False))
    assert files_below(into) == files


def test_a_picture_that_fails_its_checksum_is_named_and_where_it_is_found(source, into):
    path = write_zip(source / "a.zip", {"cat/0.jpg": b"A" * 100, "dog/0.jpg": b"B" * 100})
    path.write_bytes(path.read_bytes().replace(b"BBBB", b"BBBA", 1))
    with pytest.raises(UserError, match=rf"^in {source}: a\.zip/dog/0\.jpg is damaged"):
        write_pictures(source, into, BOUNDS)


@pytest.mark.parametrize("bounds", [Bounds(17, 1), Bounds(1000, 50e-9)], ids=["files", "bytes"])
def test_nothing_is_written_of_what_goes_beyond_the_bounds(source, into, bounds):
    write_zip(source / "a.zip", PICTURES)
    with pytest.raises(UserError, match=r"goes beyond .* that are unpacked"):
        write_pictures(source, into, bounds)
    assert files_below(into) == {}
