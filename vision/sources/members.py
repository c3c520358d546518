"""Members of archives of every kind, and how they are refused."""

import errno
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple

from vision.runtime.errors import UserError
from vision.runtime.text import composed

# What the readers of the standard library were seen to raise over damaged bytes.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
    OverflowError,
)

# Takes the name of an archive, the code page that its names were guessed to be in, and one of them.
Guessed = Callable[[str, str, str], None]


class DamagedError(UserError):
    """An archive that cannot be read to its end, or whose content fails its own checksums."""


class Entry(NamedTuple):
    """One file or folder of a tree of files.

    The name has `/` between its parts and, for a folder, at its end; `size` is in bytes, and
    `open` gives the content, which a folder lacks.
    """

    name: str
    size: int = 0
    open: Callable[[], IO[bytes]] | None = None


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Name the archive, or the entry, over whose bytes a reader gave up."""
    try:
        yield
    except (*DAMAGE, OSError) as error:
        # gzip and bz2 raise OSError without a number; zipfile seeks to impossible places.
        if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DamagedError(f"{name} is damaged ({reason}); get that archive anew") from None


def inside(member: str, archive: str) -> str:
    """Return a member's name, composed, with `/` between its parts.

    Raises
    ------
    UserError
        It leads out of the archive.
    """
    path = member.replace("\\", "/")  # as packers on Windows write it, against the standard
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or ".." in parts:
        raise unsafe(archive, member, "a path that leads out of it")
    if re.match("[A-Za-z]:", path):
        raise unsafe(
            archive, member, f"a path that leads out of it on Windows, to the disk {path[:2]}"
        )
    return composed("/".join(parts))


def unsafe(archive: str, member: str, why: str) -> UserError:
    """Return what to say of an archive with a member that must not be unpacked."""
    return UserError(
        f"{archive} holds {member!r}, {why}, so nothing of it was unpacked; "
        "if you trust it, unpack it yourself and put the folder there instead"
    )


def beyond(name: str, bound: str) -> UserError:
    """Return what to say of a file or an archive that goes beyond what is unpacked."""
    return UserError(
        f"{name} goes beyond the {bound} that are unpacked; take fewer pictures, or raise "
        "download.max_files or download.max_gb if you trust it"
    )
