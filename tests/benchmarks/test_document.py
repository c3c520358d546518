"""docs/background/benchmarks.md says what was measured."""

import re

import pytest

from benchmarks import document
from benchmarks.__main__ import BENCHMARKS
from tests.code import ROOT


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write the document into another place; give it, and the folder of what was measured."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(document, "DOCUMENT", tmp_path / "benchmarks.md")

    def write():
        document.write()
        return document.DOCUMENT.read_text(encoding="utf-8")

    return write


def test_the_document_is_what_the_committed_measurements_give(written):
    assert written() == (ROOT / "docs/background/benchmarks.md").read_text(encoding="utf-8")


def test_every_benchmark_has_its_place_in_the_text(written):
    text = document.TEXT.read_text(encoding="utf-8")
    for name in BENCHMARKS:
        assert f"{{{name}}}\n" in text
    assert "{" not in written()


def test_what_is_measured_takes_the_place_of_what_was(written, tmp_path, monkeypatch):
    monkeypatch.setattr(document, "MEASURED", tmp_path / "measured")
    document.keep("growth", (f"{number} seconds" for number in (12345, 54321)))
    found = written()
    assert "12345 seconds" not in found
    assert re.search(r"54321 seconds\n\n\*.+ threads, TensorFlow .+, commit [0-9a-f]+\.\*\n", found)


def test_what_was_not_measured_says_so(written, tmp_path, monkeypatch):
    monkeypatch.setattr(document, "MEASURED", tmp_path)
    (tmp_path / "extraction.md").write_text("fast\n")
    found = written()
    assert "fast" in found
    assert found.count("Not measured.") >= len(BENCHMARKS) - 1
