"""A dvc.lock that a killed dvc has half written."""

import itertools
import re
from pathlib import Path

import pytest
import zc.lockfile

from stages.guard import lock_files
from tests.code import ROOT

WHOLE = (ROOT / "dvc.lock").read_text(encoding="utf-8")
LOCK = Path("dvc.lock")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".dvc/tmp").mkdir(parents=True)


def test_dvc_s_own_are_whole():
    assert lock_files.is_whole(WHOLE)
    assert lock_files.is_whole("schema: '2.0'\nstages: {}\n")


@pytest.mark.parametrize("part", ["", "sche", "schema: '2.0'\nstages:\n", WHOLE[:-1]])
def test_parts_are_not(part):
    assert not lock_files.is_whole(part)


def test_no_part_that_ends_within_a_line_is_whole():
    line_ends = (found.start() for found in itertools.islice(re.finditer("\n", WHOLE), 12, 40))
    for end in line_ends:
        assert not lock_files.is_whole(WHOLE[:end])
        assert not lock_files.is_whole(WHOLE[: end - 3])


@pytest.mark.parametrize("path", ["dvc.lock", "baselines/dvc.lock"])
def test_a_part_gives_place_to_what_was_there(path):
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(WHOLE)
    earlier = lock_files.read()
    Path(path).write_text(WHOLE[:8192])
    lock_files.mend(earlier)
    assert Path(path).read_text() == WHOLE
    assert sorted(path.name for path in Path(path).parent.glob("*.lock*")) == ["dvc.lock"]


def test_a_part_of_the_first_one_is_removed():
    LOCK.write_text(WHOLE[:8192])
    lock_files.mend({})
    assert not LOCK.exists()


def test_a_part_is_nothing_to_go_back_to():
    LOCK.write_text(WHOLE[:8192])
    assert lock_files.read() == {}


def test_a_part_that_breaks_within_a_letter_is_mended():
    LOCK.write_bytes("schema: '2.0'\nstages:\n  größe".encode()[:-2])
    lock_files.mend({LOCK: WHOLE})
    assert LOCK.read_text() == WHOLE


def test_a_whole_one_stays():
    LOCK.write_text(WHOLE)
    lock_files.mend({LOCK: "earlier\n"})
    assert LOCK.read_text() == WHOLE


def test_while_a_dvc_may_be_writing_nothing_is_done():
    LOCK.write_text(WHOLE[:8192])
    dvc = zc.lockfile.LockFile(str(lock_files.REPOSITORY))
    lock_files.mend({LOCK: WHOLE})
    dvc.close()
    assert LOCK.read_text() == WHOLE[:8192]


def test_a_file_in_the_midst_of_a_merge_is_the_user_s():
    merged = "<<<<<<< HEAD\n" + WHOLE + "=======\n>>>>>>> other\n"
    LOCK.write_text(merged)
    for earlier in ({LOCK: WHOLE}, {}):
        lock_files.mend(earlier)
        assert LOCK.read_text() == merged
