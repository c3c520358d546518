"""A folder or an archive as one tree of entries, with the archives in it opened.

A name says all the way: `dogs-vs-cats.zip/train.zip/train/cat.0.jpg`.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from vision.runtime.errors import UserError
from vision.runtime.text import composed, some
from vision.sources import unreadable_archives
from vision.sources.archives import Entry, Guessed, beyond, read, reading
from vision.sources.file_names import is_archive, is_picture, is_visible, kind
from vision.sources.unreadable_archives import UnreadableError, is_train


class Bounds(NamedTuple):
    """How much is unpacked at most: files and folders, and GB (1e9 bytes), which also count what
    is no picture and the archives within archives."""

    files: int
    gb: float


def entries(
    source: Path, scratch: Path, bounds: Bounds, guessed: Guessed = lambda *guess: None
) -> Iterator[Entry]:
    """Return the entries below a folder or in an archive.

    Archives are opened where they lie directly in `source`, are `source`, or are called train,
    as in Kaggle's archive, where a test1.zip of unlabelled pictures lies beside train.zip; others
    are refused. Linked files are followed. All names are in Unicode's composed form (NFC).

    Parameters
    ----------
    scratch : a folder for temporary files.
    guessed : called where the code page of names had to be guessed.

    Raises
    ------
    UserError
        Something is neither a file nor a folder, such as a linked folder, two names in a folder
        become one, archives cannot be read or are refused, as `vision.sources.archives.read`
        says, or there is more than `bounds` allow.
    """
    walk = _Walk(scratch, bounds, guessed)
    yield from walk.below(source, "") if source.is_dir() else walk.opened(source, source.name)
    walk.check()


class _Walk:
    """A walk through a tree, with the bounds of all of it, of which some is spent, and a list of
    faults to be told together."""

    def __init__(self, scratch: Path, bounds: Bounds, guessed: Guessed):
        self.scratch, self.bounds, self.guessed = scratch, bounds, guessed
        self._files, self._bytes = 0, 0
        self._unreadable: list[UnreadableError] = []
        self._one_name: list[str] = []
        self._special: list[str] = []

    def below(self, folder: Path, name: str) -> Iterator[Entry]:
        """Return the entries below a folder, which has a name of its own."""
        paths = sorted(folder.iterdir())
        forms: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            if not path.name.isascii():
                forms[composed(path.name)].append(ascii(path.name))
        self._one_name += [
            f"{' and '.join(alike)} in {folder}" for alike in forms.values() if len(alike) > 1
        ]
        for path in paths:
            below = name + composed(path.name)
            if path.is_dir() and not path.is_symlink():
                yield self._counted(Entry(below + "/"))
                yield from self.below(path, below + "/")
            elif not path.is_file():
                self._special.append(str(path))
            elif is_archive(below) and is_visible(below) and (not name or is_train(below)):
                yield from self.opened(path, below)
            else:
                with self._noted():
                    if name:
                        unreadable_archives.check_inner(below)
                    if not name or (not is_picture(below) and kind(below) == "others"):
                        unreadable_archives.check_file(path, below)
                yield self._counted(Entry(below, path.stat().st_size, partial(path.open, "rb")))

    def opened(self, path: Path, name: str) -> Iterator[Entry]:
        """Return the entries of an archive, and of the train archive in it."""
        with self._noted(), path.open("rb") as archive:
            for entry in self._read(archive, name):
                if entry.open and is_archive(entry.name) and is_train(entry.name):
                    # A zip is read from its end, which takes a real file.
                    with tempfile.TemporaryFile(dir=self.scratch) as inner:
                        with reading(entry.name), entry.open() as packed:
                            shutil.copyfileobj(packed, inner, 1 << 20)
                        yield from self._read(inner, entry.name)
                    continue
                with self._noted():
                    if entry.open:
                        unreadable_archives.check_inner(entry.name)
                yield entry

    def _read(self, archive: IO[bytes], name: str) -> Iterator[Entry]:
        return map(self._counted, read(archive, name, self.bounds.files, self.guessed))

    def _counted(self, entry: Entry) -> Entry:
        """Return an entry, or refuse it, before anything of it is read."""
        self._files += 1
        self._bytes += entry.size
        if self._files > self.bounds.files:
            raise beyond(entry.name, f"{self.bounds.files:,} files")
        if self._bytes > self.bounds.gb * 1e9:
            raise beyond(entry.name, f"{self.bounds.gb:g} GB")
        return entry

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note that an archive cannot be read, so that all such are told together."""
        try:
            yield
        except UnreadableError as error:
            self._unreadable.append(error)

    def check(self) -> None:
        """Refuse what was found on the way."""
        if self._special:
            raise UserError(f"{some(self._special)}: neither files nor folders; remove them")
        if self._unreadable:
            raise unreadable_archives.together(self._unreadable)
        if self._one_name:
            raise UserError(
                f"{some(self._one_name)} are names that differ only in how accents are written; "
                "put each pair into one, or rename one"
            )
