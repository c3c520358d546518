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


def test_dvc_s_own_are_whole_and_no_part_is():
    assert lock_files.is_whole(WHOLE)
    assert lock_files.is_whole("schema: '2.0'\nstages: {}\n")
    ends = [found.start() for found in itertools.islice(re.finditer("\n", WHOLE), 12, 40)]
    for part in ("", "sche", "schema: '2.0'\nstages:\n", *(WHOLE[:end] for end in [-1, *ends])):
        assert not lock_files.is_whole(part)
        assert not lock_files.is_whole(part[:-3])


@pytest.mark.parametrize("path", ["dvc.lock", "baselines/dvc.lock"])
@pytest.mark.parametrize(
    "part", [WHOLE[:8192].encode(), "schema: '2.0'\nstages:\n  größe".encode()[:-2]]
)
def test_a_part_gives_place_to_what_was_there(path, part):
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(WHOLE)
    earlier = lock_files.read()
    Path(path).write_bytes(part)
    assert lock_files.read() == {}  # a part is nothing to go back to
    lock_files.mend(earlier)
    assert Path(path).read_text() == WHOLE
    assert sorted(path.name for path in Path(path).parent.glob("*.lock*")) == ["dvc.lock"]
    Path(path).write_bytes(part)
    lock_files.mend({})  # there was none
    assert not Path(path).exists()


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
