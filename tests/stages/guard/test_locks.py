"""Locks that a killed dvc left."""

import json
import os
import subprocess
import sys

import pytest
import zc.lockfile

from stages.guard.locks import clear


@pytest.fixture
def locks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    return path


def noted(*numbers):
    info = [{"pid": number, "cmd": "dvc repro"} for number in numbers]
    return json.dumps({"write": {"/a": info[0]}, "read": {"/b": info[1:]}})


@pytest.fixture
def a_dvc():
    """A process that looks as a dvc does, and waits."""
    program = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "dvc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


@pytest.mark.parametrize("content", ["", '{"write": {"/a": {"pid"', "[1"])
def test_half_a_file_is_removed(locks, content):
    locks.write_text(content)
    clear()
    assert not locks.exists()


def test_a_file_that_notes_only_the_dead_and_other_programs_is_removed(locks):
    locks.write_text(noted(2**22 + 1, os.getpid()))  # above the greatest number of a process
    clear()
    assert not locks.exists()


def test_a_file_that_notes_a_running_dvc_stays(locks, a_dvc):
    for numbers in ((a_dvc,), (os.getpid(), a_dvc)):
        locks.write_text(noted(*numbers))
        clear()
        assert locks.read_text() == noted(*numbers)


def test_a_file_that_a_dvc_is_writing_stays(locks):
    locks.write_text("")
    guard = zc.lockfile.LockFile(str(locks.with_name("rwlock.lock")))
    clear()
    guard.close()
    assert locks.exists()


def test_where_there_is_none_nothing_is_done(locks):
    clear()
    assert list(locks.parent.iterdir()) == []
