"""A folder or an archive as one tree of entries, with the archives in it opened.

A name says all the way: `dogs-vs-cats.zip/train.zip/train/cat.0.jpg`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from vision.errors import UserError
from vision.sources.archives import Entry, is_archive, read, reading

# Far above any data set this pipeline is for, and far below what a zip bomb unfolds to.
MAX_FILES = 2_000_000
MAX_BYTES = 200 * 2**30


def entries(source: Path, scratch: Path) -> Iterator[Entry]:
    """The entries below a folder or in an archive.

    Archives are opened where they lie directly in `source`, are `source`, or are called train,
    as in Kaggle's archive, where a test1.zip of unlabelled pictures lies beside train.zip.
    Links of the folder's owner are followed. `scratch` is a folder for temporary files.

    Raises
    ------
    UserError
        A link leads nowhere or in a circle, an archive is refused, as
        `vision.sources.archives.read` says, a name has unprintable characters, or there is more
        than MAX_FILES or MAX_BYTES.
    """
    found = _below(source, "", (), scratch) if source.is_dir() else _opened(source, scratch)
    size = 0
    for files, entry in enumerate(found, 1):
        size += entry.size
        _check_bounds(entry.name, files, size)
        if not entry.name.isprintable():
            raise UserError(f"{entry.name!a} has characters that cannot be shown; rename it")
        yield entry


def _check_bounds(name: str, files: int, size: int) -> None:
    if files > MAX_FILES or size > MAX_BYTES:
        raise UserError(
            f"{name} goes beyond what is unpacked, {MAX_FILES:,} files and "
            f"{MAX_BYTES // 2**30} GiB; take fewer pictures"
        )


def _below(folder: Path, name: str, above: tuple[Path, ...], scratch: Path) -> Iterator[Entry]:
    """The entries below a folder; `above` holds the folders that it lies in, to find circles."""
    real = folder.resolve()
    if real in above:
        raise UserError(f"{folder} is a link to a folder that it lies in; remove it")
    for path in sorted(folder.iterdir()):
        below = name + path.name
        if path.is_dir():
            yield Entry(below + "/")
            yield from _below(path, below + "/", (*above, real), scratch)
        elif not path.is_file():
            raise UserError(f"{path} is a link that leads nowhere, or no plain file; remove it")
        elif is_archive(below) and (not name or _is_train(below)):
            yield from _opened(path, scratch, below)
        else:
            yield Entry(below, path.stat().st_size, partial(path.open, "rb"))


def _opened(path: Path, scratch: Path, name: str | None = None) -> Iterator[Entry]:
    """The entries of an archive, and of the train archive in it."""
    with path.open("rb") as archive:
        for entry in read(archive, name or path.name):
            if entry.open is None or not _is_train(entry.name):
                yield entry
                continue
            _check_bounds(entry.name, 1, entry.size)
            # A zip is read from its end, which takes a real file.
            with tempfile.TemporaryFile(dir=scratch) as inner:
                with reading(entry.name), entry.open() as packed:
                    shutil.copyfileobj(packed, inner, 1 << 20)
                yield from read(inner, entry.name)


def _is_train(name: str) -> bool:
    path = PurePosixPath(name)
    return is_archive(path.name) and path.name.lower().partition(".")[0] == "train"
