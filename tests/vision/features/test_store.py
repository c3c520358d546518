"""The store of rows: found again to the byte, bounded, and never in the way."""

import shutil
import subprocess
import sys
from itertools import count

import diskcache
import pytest

from tests.code import ROOT
from vision.features.store import Store

# Adds rows without end; of what it says it added, nothing may be lost by a kill.
WRITER = """
import sys
from pathlib import Path
from vision.features.store import Store
store = Store("work", 1, Path(sys.argv[1]))
for start in range(int(sys.argv[2]), 10**9, 32):
    numbers = range(start, start + 32)
    store.add((f"key {number}", f"{number} ".encode() * 10_000) for number in numbers)
    print(numbers[-1], flush=True)
"""
# Nothing else may be left, since only what is in the database counts for the bound.
DATABASE = {".db", ".db-wal", ".db-shm"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "rows"


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"a picture")
    return path


def test_a_row_is_found_again_by_another_process_of_the_same_work(folder, picture):
    store = Store("work", 1, folder)
    key = store.key(picture, "")
    assert store.get(key) is None
    store.add([(key, b"row")])
    again = Store("work", 1, folder)
    assert again.get(again.key(picture, "")) == b"row"


def test_the_picture_s_content_counts_and_not_its_name(folder, picture, tmp_path):
    store = Store("work", 1, folder)
    copy = tmp_path / "copy.png"
    shutil.copy(picture, copy)
    assert store.key(copy, "") == store.key(picture, "")
    copy.write_bytes(b"another picture")
    assert store.key(copy, "") != store.key(picture, "")


def test_another_work_or_another_change_is_another_row(folder, picture):
    keys = {
        Store(work, 1, folder).key(picture, change)
        for work in ("network 1", "network 2")
        for change in ("", "view 0", "view 1")
    }
    assert len(keys) == 6


def test_takes_no_more_of_the_disk_than_it_may(folder):
    store = Store("work", 0.005, folder)
    for number in range(100):
        store.add([(f"key {number}", bytes(200_000))])  # 20 MB in all
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert size < 9e6  # the bound, and SQLite's log of the last writes
    assert store.get("key 99")
    assert not store.get("key 0")


def test_a_full_store_keeps_the_batch_that_was_added_last(folder):
    store = Store("work", 0.02, folder)
    for start in range(0, 320, 32):
        store.add([(f"key {number}", bytes(320_000)) for number in range(start, start + 32)])
        assert all(store.get(f"key {number}") for number in range(start, start + 32))
    assert sum(store.get(f"key {number}") is not None for number in range(320)) > 45


def size_of(folder):
    """In bytes, as it will be once SQLite has worked off its log."""
    with diskcache.Cache(str(folder)) as database:
        return database.volume()


def test_large_rows_after_small_ones_and_a_lower_bound_take_no_more_than_they_may(folder):
    store = Store("work", 0.003, folder)
    store.add([(f"small {number}", bytes(1000)) for number in range(2000)])
    for number in range(100):
        store.add([(f"large {number}", bytes(100_000))])
    assert size_of(folder) < 3e6
    Store("work", 0.001, folder).add([("key", b"row")])
    assert size_of(folder) < 1e6


def test_what_was_used_last_stays(folder):
    store = Store("work", 0.005, folder)
    store.add([("used", bytes(200_000))])
    for number in range(100):
        store.add([(f"key {number}", bytes(200_000))])
        assert store.get("used")


def test_without_disk_there_is_no_store(folder):
    store = Store("work", 0, folder)
    store.add([("key", b"row")])
    assert store.get("key") is None
    assert not folder.exists()


def test_deleted_while_in_use_it_is_empty_and_in_nobody_s_way(folder):
    store = Store("work", 1, folder)
    store.add([("key", bytes(100_000))])
    shutil.rmtree(folder)
    store.get("key")
    store.add([("another", b"row")])
    fresh = Store("work", 1, folder)
    assert fresh.get("key") is None
    fresh.add([("key", b"row")])
    assert fresh.get("key") == b"row"


def test_a_folder_that_cannot_be_written_is_no_store(folder):
    folder.write_text("a file")
    store = Store("work", 1, folder)
    store.add([("key", b"row")])
    assert store.get("key") is None


def test_a_spoilt_store_is_no_store(folder):
    Store("work", 1, folder).add([("key", b"row")])
    (folder / "cache.db").write_bytes(b"no database" * 1000)
    for file in folder.glob("cache.db-*"):
        file.unlink()
    store = Store("work", 1, folder)
    store.add([("key", b"row")])
    assert store.get("key") in (None, b"row")


@pytest.mark.parametrize(
    "kept", [b"", b"row" * 20_000, b"tow" * 30_000], ids=["empty", "cut", "other"]
)
def test_a_damaged_row_is_no_row_until_it_is_added_anew(folder, kept):
    store = Store("work", 1, folder)
    row = b"row" * 30_000
    store.add([("key", row)])
    with diskcache.Cache(str(folder)) as database:
        database["key"] = database["key"][:32] + kept if kept else b""
    assert store.get("key") is None
    store.add([("key", row)])
    assert store.get("key") == row


def test_killed_writers_leave_whole_rows_and_all_that_they_told(folder):
    """Two at once."""
    command = [sys.executable, "-c", WRITER, str(folder)]
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
    store = Store("work", 1, folder)
    for start, last in zip((0, 500_000), told, strict=True):
        assert last > start + 32
        for number in count(start):
            row = store.get(f"key {number}")
            if row is None:
                break
            assert row == f"{number} ".encode() * 10_000
        assert number > last
    assert {file.suffix for file in folder.rglob("*") if file.is_file()} <= DATABASE


def test_who_has_no_home_has_no_store(monkeypatch):
    def nobody(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    store = Store("work", 1)
    store.add([("key", b"row")])
    assert store.get("key") is None
