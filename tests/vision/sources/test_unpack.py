import os
import random
import tarfile
import zipfile

import pytest

from tests.files import files_below, write_files, write_tar, write_zip, zipped
from vision.runtime.errors import UserError
from vision.sources.entries import Bounds
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


def test_files_left_out_are_named(tmp_path, into):
    source = write_zip(tmp_path / "a.zip", {**PICTURES, "cat/Thumbs.db": b"", "licence.docx": b""})
    assert unpack(source, into, BOUNDS).left_out == ["a.zip/cat/Thumbs.db", "a.zip/licence.docx"]


def test_the_error_says_where_the_names_in_it_are_found(tmp_path, into):
    source = write_files(tmp_path / "source", {"cat/0.jpg": b"x"})
    with pytest.raises(UserError, match=f"^in {source}: .*cat/0.jpg"):
        unpack(source, into, BOUNDS)


def test_a_picture_that_fails_its_checksum_is_named(tmp_path, into):
    source = write_zip(tmp_path / "a.zip", {"cat/0.jpg": b"A" * 100, "dog/0.jpg": b"B" * 100})
    source.write_bytes(source.read_bytes().replace(b"BBBB", b"BBBA", 1))
    with pytest.raises(UserError, match=r"a\.zip/dog/0\.jpg is damaged"):
        unpack(source, into, BOUNDS)


def test_nothing_is_written_outside(tmp_path, into):
    source = write_zip(tmp_path / "a.zip", {**PICTURES, "../../escaped.jpg": b"x"})
    with pytest.raises(UserError):
        unpack(source, into, BOUNDS)
    assert set(files_below(tmp_path)) == {"a.zip"}


def two_of_one_name(path):
    """Write an archive with a picture twice, as adding to it again makes it."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in PICTURES.items():
                archive.writestr(name, data)
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("cat/0.jpg", b"another")
        return path
    write_tar(path, PICTURES)
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("cat/0.jpg"))
    return path


@pytest.mark.parametrize(("name", "last"), [("a.zip", b"another"), ("a.tar", b"")])
def test_of_two_pictures_of_one_name_in_an_archive_the_last_is_taken(tmp_path, into, name, last):
    """As tar and unzip take it."""
    layout = unpack(two_of_one_name(tmp_path / name), into, BOUNDS)
    assert files_below(into) == {**PICTURES, "cat/0.jpg": last}
    assert layout.doubled == {f"{name}/cat/0.jpg"}


def test_two_names_that_are_the_same_on_some_systems_are_both_taken(tmp_path, into):
    members = {**PICTURES, "cat/a.jpg": b"x", "cat/A.JPG": b"y"}
    layout = unpack(write_zip(tmp_path / "a.zip", members), into, BOUNDS)
    assert files_below(into) == {**PICTURES, "cat/2-a.jpg": b"x", "cat/A.JPG": b"y"}
    assert layout.renamed == {"a.zip/cat/a.jpg": "2-a.jpg"}


def test_names_that_are_no_text_refuse_an_archive_in_words_that_can_be_shown(tmp_path, into):
    source = write_tar(tmp_path / "a.tar", {**PICTURES, "cat/\udce4.jpg": b"x"})
    with pytest.raises(
        UserError, match=r"1 names .*cat/\\udce4\.jpg'; rename them, .*convmv"
    ) as error:
        unpack(source, into, BOUNDS)
    str(error.value).encode()  # lone surrogates would fail here
    assert files_below(into) == {}


@pytest.mark.parametrize("bounds", [Bounds(39, 1), Bounds(1000, 1e-6)], ids=["files", "bytes"])
def test_nothing_is_written_of_what_goes_beyond_the_bounds(tmp_path, into, bounds):
    with pytest.raises(UserError, match=r"goes beyond .* that are unpacked"):
        unpack(write_zip(tmp_path / "a.zip", PICTURES), into, bounds)
    assert files_below(into) == {}


def test_a_bomb_that_unfolds_to_a_thousand_times_its_size_is_refused_unopened(tmp_path, into):
    members = {**PICTURES, "cat/bomb.jpg": bytes(10**7)}
    source = write_zip(tmp_path / "a.zip", members, compression=zipfile.ZIP_DEFLATED)
    assert source.stat().st_size < 20_000
    with pytest.raises(UserError, match=r"bomb\.jpg goes beyond the 0\.001 GB"):
        unpack(source, into, Bounds(1000, 1e-3))
    assert files_below(into) == {}
