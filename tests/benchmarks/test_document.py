"""docs/benchmarks.md says what was measured."""

import pytest

from benchmarks import __main__ as benchmarks
from tests.code import ROOT


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write the document into another place; give it, and the folder of what was measured."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(benchmarks, "DOCUMENT", tmp_path / "benchmarks.md")

    def write():
        benchmarks.write()
        return benchmarks.DOCUMENT.read_text(encoding="utf-8")

    return write


def test_the_document_is_what_the_committed_measurements_give(written):
    assert written() == (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")


def test_every_benchmark_has_its_place_in_the_text(written):
    text = benchmarks.TEXT.read_text(encoding="utf-8")
    for name in (*benchmarks.BENCHMARKS, *benchmarks.BY_HAND):
        assert f"{{{name}}}\n" in text
    assert "{" not in written()


def test_what_was_not_measured_says_so(written, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "MEASURED", tmp_path)
    (tmp_path / "head.md").write_text("fast\n")
    document = written()
    assert "fast" in document
    others = len(benchmarks.BENCHMARKS) + len(benchmarks.BY_HAND) - 1
    assert document.count("Not measured.") == others
