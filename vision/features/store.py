"""Rows that networks gave for pictures, kept between runs: no picture is run twice.

A row is found by the content of its picture, by the network, by what was done to the picture first,
and by the code and the environment that computed it; so what is found is what would be computed, to
the byte. The store lies in the user's cache folder, whatever clone or temporary copy asks, and may
be deleted at any time. It is diskcache's: transactions of SQLite, so that a crash leaves no half of
a row and several processes may use it at once, and the rows least recently used go when it is full.
All are in the database, large ones too: a file of its own would be left uncounted where a process
is killed before it is entered. Each has its digest with it, since SQLite doesn't look at what a
failing disk gives back.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import diskcache
from platformdirs import user_cache_path

_NAME = "few-pictures"
_DIGEST_SIZE = hashlib.sha256().digest_size
# Of a row that would be a file of its own, in bytes: none is so large, since SQLite takes none.
_FILE_SIZE = 2**31
# What the disk or another program may do to the store, at any time.
_ERRORS = (sqlite3.Error, diskcache.Timeout, OSError)


class Store:
    """The rows that one piece of work may use.

    Where the store fails, it holds nothing: everything is computed.

    Parameters
    ----------
    work : tells everything that a row depends on, but for its picture.
    max_gb : the disk that the store may take, in GB (1e9 bytes), but for SQLite's log of the last
        few batches; 0: there is none.
    folder : where it lies; None: in the user's cache folder, if there is one.
    """

    def __init__(self, work: str, max_gb: float, folder: Path | None = None):
        self._work = work
        self._cache: diskcache.Cache | None = None
        folder = folder or _users_folder()
        if not max_gb or folder is None:
            return
        try:
            self._cache = diskcache.Cache(
                str(folder),
                size_limit=int(max_gb * 1e9),
                eviction_policy="least-recently-used",
                cull_limit=0,
                disk_min_file_size=_FILE_SIZE,
            )
            self._cache.cull()
        except _ERRORS:
            self._cache = None

    def key(self, picture: Path, change: str) -> str:
        """Name a picture's row.

        Parameters
        ----------
        change : tells what is done to the picture first.
        """
        content = hashlib.sha256(picture.read_bytes()).hexdigest()
        return hashlib.sha256(f"{self._work}\0{content}\0{change}".encode()).hexdigest()

    def get(self, key: str) -> bytes | None:
        """Give a row, or None where there is none (any more), or a damaged one."""
        try:
            kept = self._cache.get(key, b"") if self._cache is not None else b""
        except _ERRORS:
            return None
        digest, row = kept[:_DIGEST_SIZE], kept[_DIGEST_SIZE:]
        return row if digest == _digest(row) else None

    def add(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Keep rows, all of them or, where the store fails, none; and drop what is too much then.

        What is dropped within the same transaction would not be seen to be gone, so that more and
        more were.
        """
        if self._cache is None:
            return
        try:
            with self._cache.transact():
                for key, row in rows:
                    self._cache.set(key, _digest(row) + row)
            self._cache.cull()
        except _ERRORS:
            return


def _users_folder() -> Path | None:
    """Give the folder for the user's stores, None for a user who has no home."""
    try:
        return user_cache_path(_NAME) / "rows"
    except RuntimeError:
        return None


def _digest(row: bytes) -> bytes:
    return hashlib.sha256(row).digest()
