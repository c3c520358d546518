import pytest

from tests.files import files_below, write_files, write_zip
from vision.runtime.errors import UserError
from vision.sources.entries import Bounds
from vision.sources.unpack import unpack

BOUNDS = Bounds(1000, 1)

PICTURES = {f"{label}/{i}.jpg": b"?" * 50 for label in ("cat", "dog") for i in range(20)}


def test_the_error_says_where_the_names_in_it_are_found(tmp_path, into):
    source = write_files(tmp_path / "source", {"cat/0.jpg": b"x"})
    with pytest.raises(UserError, match=f"^in {source}: .*cat/0.jpg"):
        unpack(source, into, BOUNDS)


def test_a_picture_that_fails_its_checksum_is_named(tmp_path, into):
    source = write_zip(tmp_path / "a.zip", {"cat/0.jpg": b"A" * 100, "dog/0.jpg": b"B" * 100})
    source.write_bytes(source.read_bytes().replace(b"BBBB", b"BBBA", 1))
    with pytest.raises(UserError, match=r"a\.zip/dog/0\.jpg is damaged"):
        unpack(source, into, BOUNDS)


@pytest.mark.parametrize("bounds", [Bounds(39, 1), Bounds(1000, 1e-6)], ids=["files", "bytes"])
def test_nothing_is_written_of_what_goes_beyond_the_bounds(tmp_path, into, bounds):
    with pytest.raises(UserError, match=r"goes beyond .* that are unpacked"):
        unpack(write_zip(tmp_path / "a.zip", PICTURES), into, bounds)
    assert files_below(into) == {}
