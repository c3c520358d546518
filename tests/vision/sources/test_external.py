import io
import tarfile
import zipfile

import pytest

from tests.files import files_below, write_files, write_zip
from vision.errors import UserError
from vision.sources.external import write_pictures
from vision.sources.tree import Bounds

BOUNDS = Bounds(1000, 1)

OWN = {"README.md": b"what to put here", ".gitignore": b"/*", "pets.zip.dvc": b"outs:"}


@pytest.mark.parametrize("files", [{}, OWN])
def test_an_empty_folder_is_refused_with_what_to_put_there(tmp_path, files):
    source = write_files(tmp_path / "external", files)
    with pytest.raises(UserError, match=r"external is empty; put an archive"):
        write_pictures(source, tmp_path, BOUNDS)


def test_a_missing_folder_is_refused_like_an_empty_one(tmp_path):
    with pytest.raises(UserError, match=r"external is empty"):
        write_pictures(tmp_path / "external", tmp_path, BOUNDS)


def test_archives_and_folders_come_together_and_what_is_left_out_is_said(tmp_path, capsys):
    source = write_files(tmp_path / "external", {**OWN, "cat/0.jpg": b"c", "cat/Thumbs.db": b""})
    write_zip(source / "dogs.zip", {"dog/0.jpg": b"d", "__MACOSX/dog/._0.jpg": b""})
    into = tmp_path / "into"
    into.mkdir()
    write_pictures(source, into, BOUNDS)
    assert files_below(into) == {"cat/0.jpg": b"c", "dog/0.jpg": b"d"}
    assert "no pictures: 2\n" in capsys.readouterr().out


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
