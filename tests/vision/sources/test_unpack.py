import os
import random

import pytest

from tests.files import files_below, write_files, write_tar, write_zip, zipped
from vision.errors import UserError
from vision.sources.archives import DamagedError
from vision.sources.tree import Bounds
from vision.sources.unpack import unpack

BOUNDS = Bounds(1000, 1)

PICTURES = {f"{label}/{i}.jpg": os.urandom(50) for label in ("cat", "dog") for i in range(20)}


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def test_folders_and_every_kind_of_archive_give_the_same_files(tmp_path):
    sources = [
        write_files(tmp_path / "folder", PICTURES),
        write_zip(tmp_path / "a.zip", PICTURES),
        write_tar(tmp_path / "a.tar", PICTURES),
        write_tar(tmp_path / "a.tgz", PICTURES, "w:gz"),
        write_zip(tmp_path / "k.zip", {"train.zip": zipped(PICTURES), "test1.zip": b"?"}),
    ]
    for number, source in enumerate(sources):
        into = tmp_path / str(number)
        into.mkdir()
        unpack(source, into, BOUNDS)
        assert files_below(into) == PICTURES


def test_the_order_in_an_archive_makes_no_difference(tmp_path):
    shuffled = list(PICTURES.items())
    random.Random(0).shuffle(shuffled)
    for number, members in enumerate([PICTURES, dict(shuffled)]):
        into = tmp_path / str(number)
        into.mkdir()
        unpack(write_tar(tmp_path / f"{number}.tar.gz", members, "w:gz"), into, BOUNDS)
        assert files_below(into) == PICTURES


def test_files_left_out_are_counted(tmp_path, into):
    source = write_zip(tmp_path / "a.zip", {**PICTURES, "cat/Thumbs.db": b"", "licence.docx": b""})
    assert unpack(source, into, BOUNDS) == 2


def test_the_error_says_where_the_names_in_it_are_found(tmp_path, into):
    source = write_files(tmp_path / "source", {"cat/0.jpg": b"x"})
    with pytest.raises(UserError, match=f"^in {source}: .*cat/0.jpg"):
        unpack(source, into, BOUNDS)


def test_a_picture_that_fails_its_checksum_is_named(tmp_path, into):
    source = write_zip(tmp_path / "a.zip", {"cat/0.jpg": b"A" * 100, "dog/0.jpg": b"B" * 100})
    source.write_bytes(source.read_bytes().replace(b"BBBB", b"BBBA", 1))
    with pytest.raises(DamagedError, match=r"a\.zip/dog/0\.jpg is damaged"):
        unpack(source, into, BOUNDS)


def test_nothing_is_written_outside(tmp_path, into):
    source = write_zip(tmp_path / "a.zip", {**PICTURES, "../../escaped.jpg": b"x"})
    with pytest.raises(UserError):
        unpack(source, into, BOUNDS)
    assert set(files_below(tmp_path)) == {"a.zip"}
