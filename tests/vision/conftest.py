"""What tests of several rooms need."""

import pytest


@pytest.fixture
def looked_at(tmp_path, monkeypatch):
    """The pictures that were decoded; the store is a new one."""
    # Imported here, since it brings in TensorFlow, which most tests below this folder don't need.
    from vision.features import extraction

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = []
    load_batch = extraction.pictures.load_batch
    monkeypatch.setattr(
        extraction.pictures, "load_batch", lambda p, size: files.extend(p) or load_batch(p, size)
    )
    return files
