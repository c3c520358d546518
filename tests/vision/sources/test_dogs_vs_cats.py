import hashlib

import pytest

from tests.files import files_below, zipped
from tests.web import content
from vision.sources import dogs_vs_cats, fetch
from vision.sources.dogs_vs_cats import from_microsoft
from vision.sources.entries import Bounds
from vision.sources.fetch import FetchError

BOUNDS = Bounds(1000, 1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(dogs_vs_cats, "cache", lambda: folder)
    monkeypatch.setattr(fetch, "PAUSE", 0.001)
    return folder


def test_microsofts_archive_becomes_cat_and_dog(server, into, monkeypatch):
    members = {"Cat/0.jpg": b"c", "Cat/666.jpg": b"", "Cat/Thumbs.db": b"t", "Dog/0.jpg": b"d"}
    members = {f"PetImages/{name}": data for name, data in members.items()}
    data = zipped(members | {"MSR-LA - 3467.docx": b"licence"})
    server.answers = [content(data)]
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT", f"{server.url}/kagglecatsanddogs_5340.zip")
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT_SHA256", hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT_BYTES", len(data))
    from_microsoft(into, BOUNDS)
    # An empty picture stays: what cannot be decoded is counted further down the pipeline.
    assert files_below(into) == {"cat/0.jpg": b"c", "cat/666.jpg": b"", "dog/0.jpg": b"d"}


def test_what_fails_its_checksum_is_not_unpacked(server, into, cache, monkeypatch):
    data = zipped({"PetImages/Cat/0.jpg": b"c", "PetImages/Dog/0.jpg": b"d"})
    server.answers = [content(data)]
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT", f"{server.url}/a.zip")
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT_BYTES", len(data))
    monkeypatch.setattr(dogs_vs_cats, "unpack", None)  # so that calling it fails
    with pytest.raises(FetchError, match="not the expected file"):
        from_microsoft(into, BOUNDS)
    assert files_below(into) == files_below(cache) == {}
