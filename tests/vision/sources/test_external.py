import io
import tarfile
import zipfile

import pytest

from tests.files import files_below, write_files, write_zip, zipped
from vision.runtime.errors import UserError
from vision.sources.entries import Bounds
from vision.sources.external import write_pictures

BOUNDS = Bounds(1000, 1)

OWN = {"README.md": b"what to put here", ".gitignore": b"/*", "pets.zip.dvc": b"outs:"}


@pytest.mark.parametrize("files", [{}, OWN])
def test_an_empty_folder_is_refused_with_what_to_put_there(tmp_path, files):
    source = tmp_path / "external"
    source.mkdir()
    write_files(source, files)
    with pytest.raises(UserError, match=r"external is empty; put an archive"):
        write_pictures(source, tmp_path, BOUNDS)


def test_what_is_no_folder_is_called_what_it_is(tmp_path):
    file = write_files(tmp_path, {"file": b"x"}) / "file"
    for name, target in (("gone", "nowhere"), ("loop", "loop"), ("linked", "file")):
        (tmp_path / name).symlink_to(target)
    said = {
        tmp_path / "missing": "missing doesn't exist; make that folder, and put an archive",
        file: "file is a file; put a folder in its place",
        tmp_path / "gone": "gone is a link to nowhere, which is no folder",
        tmp_path / "loop": "loop is a link to loop, which is no folder",
        tmp_path / "linked": "linked is a link to file, which is no folder",
    }
    for source, words in said.items():
        with pytest.raises(UserError) as error:
            write_pictures(source, tmp_path, BOUNDS)
        assert words in str(error.value)


def test_archives_and_folders_come_together_and_what_is_left_out_is_said(tmp_path, capsys):
    source = write_files(tmp_path / "external", {**OWN, "cat/0.jpg": b"c", "cat/Thumbs.db": b""})
    write_zip(source / "dogs.zip", {"dog/0.jpg": b"d", "__MACOSX/dog/._0.jpg": b""})
    into = tmp_path / "into"
    into.mkdir()
    write_pictures(source, into, BOUNDS)
    assert files_below(into) == {"cat/0.jpg": b"c", "dog/0.jpg": b"d"}
    assert (
        "2 files left out, since they are no pictures: .db 1, hidden 1 (such as "
        "dogs.zip/__MACOSX/dog/._0.jpg)\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize("name", ["dogs-vs-cats.zip", "train.zip"])
def test_kaggles_archive_is_understood_whole_or_as_the_train_archive_in_it(tmp_path, name):
    train = {"train/cat.0.jpg": b"c", "train/dog.0.jpg": b"d"}
    whole = {
        "sampleSubmission.csv": b"id,label",
        "test1.zip": zipped({"test1/1.jpg": b"?"}),
        "train.zip": zipped(train),
    }
    source, into = tmp_path / "external", tmp_path / "into"
    source.mkdir()
    into.mkdir()
    write_zip(source / name, train if name == "train.zip" else whole)
    write_pictures(source, into, BOUNDS)
    assert files_below(into) == {"cat/cat.0.jpg": b"c", "dog/dog.0.jpg": b"d"}


PICTURES = {
    f"{label}/{n}.jpg": f"{label} {n}".encode() for label in ("cat", "dog") for n in range(9)
}


def zipped_at(year, members, path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 2, 3, 4, 6)), data)


def tarred_at(seconds, members, path):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(f"pictures/{name}")
            info.size, info.mtime = len(data), seconds
            archive.addfile(info, io.BytesIO(data))


def test_the_order_the_times_and_the_packing_of_pictures_change_nothing(tmp_path):
    """All that comes later reads what is written here."""
    forward, backward = list(PICTURES.items()), list(PICTURES.items())[::-1]
    packings = {
        "zip": lambda folder: zipped_at(1999, forward, folder / "a.zip"),
        "zip, backward": lambda folder: zipped_at(2026, backward, folder / "b.zip"),
        "tar": lambda folder: tarred_at(0, forward, folder / "a.tar.gz"),
        "tar, backward": lambda folder: tarred_at(1e9, backward, folder / "b.tgz"),
        "folder": lambda folder: write_files(folder, dict(forward)),
        "folder, backward": lambda folder: write_files(folder, dict(backward)),
    }
    for packing, pack in packings.items():
        source, raw = tmp_path / packing, tmp_path / f"raw of {packing}"
        source.mkdir()
        raw.mkdir()
        pack(source)
        write_pictures(source, raw, BOUNDS)
        assert files_below(raw) == PICTURES, packing


def test_linked_folders_are_refused(tmp_path):
    source = write_files(tmp_path / "external", {"dog/0.jpg": b"d"})
    write_files(tmp_path / "away", {"cat/0.jpg": b"c"})
    (source / "cat").symlink_to("../away/cat")
    with pytest.raises(UserError, match=r"cat -> \.\./away/cat; DVC doesn't look into these"):
        write_pictures(source, tmp_path, BOUNDS)


def test_what_was_renamed_and_how_names_were_read_is_said(tmp_path, capsys):
    source = tmp_path / "external"
    source.mkdir()
    names = {
        "train/dXg/0.jpg": b"",
        "train/cat/0.jpg": b"",
        "val/dXg/0.jpg": b"",
        "val/cat/1.jpg": b"",
    }
    data = write_zip(source / "a.zip", names).read_bytes()
    (source / "a.zip").write_bytes(data.replace(b"dXg", "d\u00f6g".encode("cp437")))
    into = tmp_path / "into"
    into.mkdir()
    write_pictures(source, into, BOUNDS)
    assert "d\u00f6g/val-0.jpg" in files_below(into)
    read, renamed = capsys.readouterr().out.splitlines()
    assert "names in a.zip don't say how they are encoded and were read as cp437" in read
    assert renamed.startswith("1 pictures have names")
    assert renamed.endswith("such as val-0.jpg")


def test_pictures_that_a_tar_was_given_again_are_said(tmp_path, capsys):
    source, into = tmp_path / "external", tmp_path / "into"
    source.mkdir()
    into.mkdir()
    with tarfile.open(source / "a.tar", "w") as archive:
        for name, data in (("cat/0.jpg", b"old"), ("dog/0.jpg", b"d"), ("cat/0.jpg", b"new")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    write_pictures(source, into, BOUNDS)
    assert files_below(into) == {"cat/0.jpg": b"new", "dog/0.jpg": b"d"}
    assert "1 pictures are in their archive more than once, such as a.tar/cat/0.jpg; the last" in (
        capsys.readouterr().out
    )


def test_names_that_are_alike_are_taken_if_it_is_meant(tmp_path):
    source = write_files(tmp_path / "external", {"glass/0.jpg": b"a", "glasses/0.jpg": b"b"})
    into = tmp_path / "into"
    into.mkdir()
    write_pictures(source, into, BOUNDS, check_names=False)
    assert set(files_below(into)) == {"glass/0.jpg", "glasses/0.jpg"}
