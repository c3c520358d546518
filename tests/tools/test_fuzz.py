"""Broken pictures: no crash, no hang, each either decoded or counted. docs/sources.md has more."""

import os
import re
import subprocess
import sys

from tests.code import ROOT
from tools import fuzz

MUTANTS = 3000


def test_thousands_of_broken_pictures_are_decoded_or_refused(tmp_path):
    # In a process of its own, as a decoder that crashes takes it along.
    done = subprocess.run(
        [sys.executable, "-m", "tools.fuzz", str(MUTANTS), "--pixels", "1000000"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr  # libtiff itself writes lines there
    rows = re.findall(r"(\w+): ([\d,]+) tried, ([\d,]+) decoded, ([\d,]+) refused", done.stdout)
    counts = {kind: [int(n.replace(",", "")) for n in numbers] for kind, *numbers in rows}
    assert set(counts) == {"JPEG", "PNG", "GIF", "WEBP", "HEIF", "AVIF", "TIFF", "MPO"}
    for tried, decoded, refused in counts.values():
        assert tried == decoded + refused == MUTANTS / len(counts)
        # Some of either, or the mutants would be all too broken, or hardly at all.
        assert min(decoded, refused) > 10
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_gives_the_same_mutants_and_another_gives_others():
    first = [fuzz.mutant(0, number) for number in range(40)]
    assert first == [fuzz.mutant(0, number) for number in range(40)]
    assert first != [fuzz.mutant(1, number) for number in range(40)]
    whole = {content for files in fuzz.seeds().values() for content in files}
    assert sum(content not in whole for _, content in first) > 30


def test_what_mutants_are_made_of_is_decoded(tmp_path):
    (tmp_path / "work").mkdir()
    for kind, files in fuzz.seeds().items():
        for content in files:
            path = tmp_path / f"whole.{kind.lower()}"
            path.write_bytes(content)
            assert fuzz.fate(path, tmp_path / "work") is None
