"""A folder or an archive as one tree of entries, with the archives in it opened.

A name says all the way: `dogs-vs-cats.zip/train.zip/train/cat.0.jpg`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vision.errors import UserError
from vision.sources.archives import Entry, beyond, is_archive, read, reading


class Bounds(NamedTuple):
    """How much is unpacked at most: files and folders, and GB (1e9 bytes), which also count what
    is no picture and the archives within archives."""

    files: int
    gb: float


class _Spent:
    """What has been unpacked so far."""

    def __init__(self, bounds: Bounds):
        self.bounds = bounds
        self._files, self._bytes = 0, 0

    def add(self, entry: Entry) -> None:
        """Count an entry, or refuse it, before anything of it is read."""
        self._files += 1
        self._bytes += entry.size
        if self._files > self.bounds.files:
            raise UserError(beyond(entry.name, f"{self.bounds.files:,} files"))
        if self._bytes > self.bounds.gb * 1e9:
            raise UserError(beyond(entry.name, f"{self.bounds.gb:g} GB"))


def entries(source: Path, scratch: Path, bounds: Bounds) -> Iterator[Entry]:
    """The entries below a folder or in an archive.

    Archives are opened where they lie directly in `source`, are `source`, or are called train,
    as in Kaggle's archive, where a test1.zip of unlabelled pictures lies beside train.zip.
    Links of the folder's owner are followed. `scratch` is a folder for temporary files.

    Raises
    ------
    UserError
        A link leads nowhere or in a circle, an archive is refused, as
        `vision.sources.archives.read` says, a name has unprintable characters, or there is more
        than `bounds` allow.
    """
    spent = _Spent(bounds)
    if source.is_dir():
        found = _below(source, "", (), scratch, spent)
    else:
        found = _opened(source, scratch, spent)
    for entry in found:
        if not entry.name.isprintable():
            raise UserError(f"{entry.name!a} has characters that cannot be shown; rename it")
        yield entry


def _below(
    folder: Path, name: str, above: tuple[Path, ...], scratch: Path, spent: _Spent
) -> Iterator[Entry]:
    """The entries below a folder; `above` holds the folders that it lies in, to find circles."""
    real = folder.resolve()
    if real in above:
        raise UserError(f"{folder} is a link to a folder that it lies in; remove it")
    for path in sorted(folder.iterdir()):
        below = name + path.name
        if path.is_dir():
            yield _counted(Entry(below + "/"), spent)
            yield from _below(path, below + "/", (*above, real), scratch, spent)
        elif not path.is_file():
            raise UserError(f"{path} is a link that leads nowhere, or no plain file; remove it")
        elif is_archive(below) and (not name or _is_train(below)):
            yield from _opened(path, scratch, spent, below)
        else:
            yield _counted(Entry(below, path.stat().st_size, partial(path.open, "rb")), spent)


def _opened(path: Path, scratch: Path, spent: _Spent, name: str | None = None) -> Iterator[Entry]:
    """The entries of an archive, and of the train archive in it."""
    with path.open("rb") as archive:
        for entry in read(archive, name or path.name, spent.bounds.files):
            spent.add(entry)
            if entry.open is None or not _is_train(entry.name):
                yield entry
                continue
            # A zip is read from its end, which takes a real file.
            with tempfile.TemporaryFile(dir=scratch) as inner:
                with reading(entry.name), entry.open() as packed:
                    shutil.copyfileobj(packed, inner, 1 << 20)
                for within in read(inner, entry.name, spent.bounds.files):
                    spent.add(within)
                    yield within


def _counted(entry: Entry, spent: _Spent) -> Entry:
    spent.add(entry)
    return entry


def _is_train(name: str) -> bool:
    path = PurePosixPath(name)
    return is_archive(path.name) and path.name.lower().partition(".")[0] == "train"
