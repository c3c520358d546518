"""Atomic replacement of files and folders; readable disk errors."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vision.runtime.errors import UserError

# What the owner of a disk can fix. Any other OSError is a bug of ours and keeps its traceback.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EIO})


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Turn a full disk, a missing permission and the like into a UserError.

    `where` is named when the system doesn't say which file it was, as when a write fails.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise UserError(
                f"the disk is full while writing {error.filename or where}; "
                "free some space and run again"
            ) from None
        if error.errno in REFUSED:
            raise UserError(
                f"{error.filename or where} cannot be read or written: {os.strerror(error.errno)}"
            ) from None
        raise


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it takes the place of `folder` when the block ends well.

    Until then `folder` stays as it was, also when the block fails or is interrupted. What a
    killed run left beside it is cleared away first. The modes of what is written don't depend
    on the umask.

    Raises
    ------
    UserError
        The disk is full, or doesn't let us read or write.
    """
    folder = folder.resolve()
    beside = folder.with_name(f".{folder.name}.partial")
    new, old = beside / "new", beside / "old"
    with disk_errors(folder):
        _clear(beside, old, folder)
        new.mkdir(parents=True)
        try:
            yield new
            new.chmod(0o755)
            for path in new.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        finally:
            _clear(beside, old, folder)


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a path to write a file to; it takes the place of `path` when the block ends well.

    Until then `path` stays as it was, also when the block fails or is interrupted. Nothing is
    written through a link: where DVC's cache is linked into the workspace, by symlinks or hard
    links, the link is replaced, and the cache keeps what its names say. The folder is made where
    it is missing.

    Yields
    ------
    A path in the same folder with the same suffix. What a killed run left there is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.partial{path.suffix}")
    unfinished.unlink(missing_ok=True)
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        if error.filename is not None and Path(error.filename) == unfinished:
            error.filename = str(path)  # whose name tells more
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def _clear(beside: Path, old: Path, folder: Path) -> None:
    """Remove the folder beside; what stops between the two renames must not cost the old one."""
    if old.exists() and not folder.exists():
        old.rename(folder)
    if beside.exists():
        shutil.rmtree(beside)
