"""The store of rows: found again to the byte, bounded, and never in the way."""

import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import count

import pytest

from tests.code import ROOT
from vision.features.store import Store

# Adds rows without end; of what it says it added, nothing may be lost by a kill.
WRITER = """
import sys
from vision.features.store import Store
store = Store("work", 1)
for start in range(int(sys.argv[1]), 10**9, 32):
    numbers = range(start, start + 32)
    store.add((f"key {number}", f"{number} ".encode() * 10_000) for number in numbers)
    print(numbers[-1], flush=True)
"""
# Nothing else may be left, since only what is in the database counts for the bound.
DATABASE = {".sqlite", ".sqlite-wal", ".sqlite-shm"}


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """The database of a user who has none yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/few-pictures/rows.sqlite"


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"a picture")
    return path


def get(store, key):
    return dict(store.read([key])).get(0)


def change(file, statement, *values):
    """Do something to the rows behind the store's back."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement, values)


def test_a_row_is_found_again_by_another_process_of_the_same_work(picture):
    store = Store("work", 1)
    key = store.key(picture, "")
    assert get(store, key) is None
    store.add([(key, b"row")])
    again = Store("work", 1)
    assert get(again, again.key(picture, "")) == b"row"


def test_rows_are_read_by_the_numbers_of_their_keys():
    store = Store("work", 1)
    store.add([("a", b"row a"), ("b", b"row b")])
    found = [(0, b"row b"), (2, b"row a"), (3, b"row b")]
    assert list(store.read(["b", "unknown", "a", "b"])) == found


def test_a_row_is_known_by_the_picture_s_content_the_work_and_the_change(picture, tmp_path):
    keys = {
        Store(work, 1).key(picture, change)
        for work in ("network 1", "network 2")
        for change in ("", "view 0", "view 1")
    }
    assert len(keys) == 6
    copy = tmp_path / "copy.png"
    shutil.copy(picture, copy)
    store = Store("network 1", 1)
    assert store.key(copy, "") in keys
    copy.write_bytes(b"another picture")
    assert store.key(copy, "") not in keys


def test_takes_no_more_of_the_disk_than_it_may_and_keeps_what_was_used_last(file):
    store = Store("work", 0.005)
    store.add([("too large", bytes(6_000_000))])
    store.add([(f"small {number}", bytes(1000)) for number in range(2000)])
    store.add([("used", bytes(200_000))])
    for number in range(100):
        store.add([(f"key {number}", bytes(200_000))])  # 20 MB in all
        assert get(store, "used")
    size = sum(part.stat().st_size for part in file.parent.iterdir())
    assert size < 11e6  # the bound, and SQLite's log of the last writes
    assert get(store, "key 99")
    assert not get(store, "key 0")
    assert not get(store, "too large")
    store.close()
    assert [part.name for part in file.parent.iterdir()] == [file.name]
    assert file.stat().st_size < 5e6
    with closing(Store("work", 0.001)) as store:  # a lower bound
        assert get(store, "key 99")
    assert file.stat().st_size < 1e6


def test_a_full_store_keeps_the_batch_that_was_added_last():
    store = Store("work", 0.02)
    for start in range(0, 320, 32):
        store.add([(f"key {number}", bytes(320_000)) for number in range(start, start + 32)])
        assert all(get(store, f"key {number}") for number in range(start, start + 32))
    assert len(list(store.read(f"key {number}" for number in range(320)))) > 55


def test_deleted_while_in_use_it_is_empty_and_in_nobody_s_way(file):
    store = Store("work", 1)
    store.add([("key", bytes(100_000))])
    shutil.rmtree(file.parent)
    get(store, "key")
    store.add([("another", b"row")])
    fresh = Store("work", 1)
    assert get(fresh, "key") is None
    fresh.add([("key", b"row")])
    assert get(fresh, "key") == b"row"


def no_folder(file):
    file.parent.parent.mkdir()
    file.parent.write_text("a file")


def no_database(file):
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database" * 1000)


def foreign_database(file):
    file.parent.mkdir(parents=True)
    change(file, "CREATE TABLE rows (path)")


def damaged_database(file):
    with closing(Store("work", 1)) as store:
        store.add([(f"key {number}", bytes(1000)) for number in range(100)])
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + bytes(len(whole) - 4096))


@pytest.mark.parametrize("spoil", [no_folder, no_database, foreign_database, damaged_database])
def test_a_store_that_cannot_be_used_is_told_in_one_line_and_is_no_store(file, capsys, spoil):
    spoil(file)
    store = Store("work", 1)
    for number in range(3):
        store.add([(f"key {number}", b"row")])
        assert get(store, f"key {number}") is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"no features are kept in {file}: ")
    assert line.endswith("; if it stays so, delete the file")


def test_on_a_full_disk_no_more_is_kept_and_what_was_is_found_next_time(capsys):
    store = Store("work", 1)
    store.add([("key", b"row")])
    store._database.execute("PRAGMA max_page_count = 20")  # as SQLite sees a full disk
    store.add([("small", b"row"), ("large", bytes(200_000))])
    assert "database or disk is full" in capsys.readouterr().err
    store.add([("another", b"row")])
    found = dict(Store("work", 1).read(["key", "small", "large", "another"]))
    assert found == {0: b"row"}


def test_a_damaged_row_is_no_row_until_it_is_added_anew(file):
    store = Store("work", 1)
    row = b"row" * 30_000
    for kept in (b"", b"row" * 20_000, b"tow" * 30_000, "row" * 30_000, 7, None):
        store.add([("key", row)])
        change(file, "UPDATE rows SET row = ?", kept)
        assert get(store, "key") is None
        store.add([("key", row)])
        assert get(store, "key") == row


class Planted:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_planted_pickle_is_never_loaded(file, tmp_path):
    planted = pickle.dumps(Planted(str(tmp_path / "ran")))
    with closing(Store("work", 1)) as store:
        store.add([("whole", planted), ("damaged", b"row")])
    change(file, "UPDATE rows SET row = ? WHERE key = 'damaged'", planted)
    with closing(Store("work", 1)) as store:
        assert list(store.read(["whole", "damaged"])) == [(0, planted)]
    assert not (tmp_path / "ran").exists()


def test_it_is_read_while_another_process_writes(file):
    store = Store("work", 1)
    store.add([("key", b"row")])
    with closing(sqlite3.connect(file, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        rows = store.read(["key"])
        assert next(rows) == (0, b"row")
        another.execute("ROLLBACK")
        assert list(rows) == []


def test_killed_writers_leave_whole_rows_and_all_that_they_told(file):
    """Two at once."""
    command = [sys.executable, "-c", WRITER]
    writers = [
        subprocess.Popen([*command, start], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for start in ("0", "500000")
    ]
    told = []
    for start, writer in zip((0, 500_000), writers, strict=True):
        last = start
        while last <= start + 64:
            last = int(writer.stdout.readline())
        told.append(last)
    for writer in writers:
        writer.kill()
        writer.wait()
    store = Store("work", 1)
    for start, last in zip((0, 500_000), told, strict=True):
        assert last > start + 32
        for number in count(start):
            row = get(store, f"key {number}")
            if row is None:
                break
            assert row == f"{number} ".encode() * 10_000
        assert number > last
    assert {part.suffix for part in file.parent.iterdir()} <= DATABASE


def test_who_has_no_disk_or_no_home_has_no_store(file, monkeypatch):
    def nobody(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    def keeps(store):
        store.add([("key", b"row")])
        return get(store, "key") is not None

    assert not keeps(Store("work", 0))
    assert not file.parent.exists()
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert not keeps(Store("work", 1))
