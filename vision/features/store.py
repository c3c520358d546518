"""Disk cache of network outputs, keyed by picture, change, network, code and environment.

No picture is run twice, and what is found is what would be computed, to the byte. The rows lie in
one SQLite database in the user's cache folder, for all of a user's clones and processes; it may be
deleted at any time. Each has its digest, since SQLite doesn't look at what a failing disk gives
back. They are read as bytes and nothing else, so that a planted one runs no code.
"""

import hashlib
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_cache_path

# The times of use lie apart, since SQLite would read and write the whole row to change one.
_TABLES = """
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, digest BLOB, row BLOB);
CREATE TABLE IF NOT EXISTS uses (key TEXT PRIMARY KEY, time REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_time ON uses (time);
CREATE TRIGGER IF NOT EXISTS drop_row AFTER DELETE ON uses
BEGIN DELETE FROM rows WHERE key = OLD.key; END;
"""
_GET = "SELECT digest, row FROM rows WHERE key = ? AND typeof(row) = 'blob'"
# Drops the row least recently used if the database is too large.
_DROP_ONE = """
DELETE FROM uses WHERE key = (SELECT key FROM uses ORDER BY time LIMIT 1) AND ? < (
    SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size
)
"""
# To wait for another process' transaction.
_SECONDS = 60


class Store:
    """The rows that one piece of work may use.

    What goes wrong with the disk or the database is told in one line on stderr; from then on
    nothing is found or kept, and everything is computed. Close it at the end.

    Parameters
    ----------
    work : tells everything that a row depends on, but for its picture.
    max_gb : the disk that the store may take, in GB (1e9 bytes), but for SQLite's log of the last
        few batches; 0: nothing is found or kept.
    """

    def __init__(self, work: str, max_gb: float):
        self._work = work
        self._max_bytes = max_gb * 1e9
        self._database: sqlite3.Connection | None = None
        if not max_gb:
            return
        try:
            self._file = user_cache_path("few-pictures") / "rows.sqlite"
        except RuntimeError:  # the user has no home
            return
        with self._going_on():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._file, _SECONDS, isolation_level="IMMEDIATE")
            self._database.execute("PRAGMA auto_vacuum = FULL")
            with suppress(sqlite3.OperationalError):  # where another process just does the same
                self._database.execute("PRAGMA journal_mode = WAL")
            self._database.executescript(_TABLES)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def key(self, picture: Path, change: str) -> str:
        """Return the key of a picture's row; where nothing is kept, "", the picture unread.

        Parameters
        ----------
        change : tells what is done to the picture first.
        """
        if self._database is None:
            return ""
        content = hashlib.sha256(picture.read_bytes()).hexdigest()
        return hashlib.sha256(f"{self._work}\0{content}\0{change}".encode()).hexdigest()

    def read(self, keys: Iterable[str]) -> Iterator[tuple[int, bytes]]:
        """Yield the rows that are there, and whole, each with its number among the keys.

        They count as used when all were read.
        """
        if self._database is None:
            return
        used = []
        with self._going_on():
            for number, key in enumerate(keys):
                found = self._database.execute(_GET, [key]).fetchone()
                if found and found[0] == _digest(found[1]):
                    used.append((time.time(), key))
                    yield number, found[1]
            with self._database as database:
                database.executemany("UPDATE uses SET time = ? WHERE key = ?", used)
                self._make_room()

    def add(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Keep rows by their keys, all or none; those least recently used make room for them."""
        if self._database is None:
            return
        with self._going_on(), self._database as database:
            for key, row in rows:
                database.execute("REPLACE INTO uses VALUES (?, ?)", [key, time.time()])
                database.execute("REPLACE INTO rows VALUES (?, ?, ?)", [key, _digest(row), row])
                self._make_room()

    def _make_room(self) -> None:
        while self._database.execute(_DROP_ONE, [self._max_bytes]).rowcount:
            pass

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            print(
                f"no features are kept in {self._file}: {error}; if it stays so, delete the file",
                file=sys.stderr,
            )
            self.close()


def _digest(row: bytes) -> bytes:
    return hashlib.sha256(row).digest()
