"""Reading zip and tar archives that nobody vouches for, member by member.

Nothing is written here. Whether a member is a picture, and of which class, is for others to say.
"""

import errno
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, NamedTuple

from vision.errors import UserError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")

# Bytes in the last record of a zip, which a comment may follow.
END_OF_ZIP = 22

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


def is_archive(name: str) -> bool:
    """Whether a file's name ends as an archive's does."""
    return name.lower().endswith(SUFFIXES)


def read(archive: IO[bytes], name: str) -> Iterator[Entry]:
    """The entries of an archive, in its own order; names start with the archive's own.

    An entry is to be opened before the next one is asked for.

    Raises
    ------
    DamagedError
        It isn't an archive of the kind that its name says, or is damaged.
    UserError
        It is encrypted, or holds a link, a device or a name that leads out of it.
    """
    with reading(name):
        yield from _zip(archive, name) if name.lower().endswith(".zip") else _tar(archive, name)


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


def _zip(archive: IO[bytes], name: str) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as opened:
        # Of a truncated zip that holds zips, zipfile takes the last of those for the whole.
        archive.seek(-END_OF_ZIP - len(opened.comment), io.SEEK_END)
        if not archive.read(END_OF_ZIP).startswith(b"PK\5\6"):
            raise zipfile.BadZipFile("it goes on after its end")
        for member in opened.infolist():
            entry = f"{name}/{_safe(member.filename, name)}"
            # The upper half holds a Unix mode, or nothing when packed on another system.
            if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise UserError(_unsafe(name, member.filename, "a link or a device"))
            if member.flag_bits & 0x1:
                raise UserError(f"{name} is encrypted; unpack it and put the folder there instead")
            if member.filename.endswith(("/", "\\")):
                yield Entry(entry + "/")
            else:
                yield Entry(entry, member.file_size, partial(opened.open, member))


def _tar(archive: IO[bytes], name: str) -> Iterator[Entry]:
    with tarfile.open(fileobj=archive, mode="r:*") as opened:
        for member in opened:
            entry = f"{name}/{_safe(member.name, name)}"
            if member.isdir():
                yield Entry(entry + "/")
            elif member.isreg():
                yield Entry(entry, member.size, partial(opened.extractfile, member))
            else:
                raise UserError(_unsafe(name, member.name, "a link or a device"))
        # tarfile takes a broken or missing header for the end, and gzip checks its sum at the
        # very end: zeros have to follow the last member, and all of them have to be read.
        opened.fileobj.seek(opened.offset)
        rest = opened.fileobj.read(tarfile.BLOCKSIZE)
        if not rest:
            raise tarfile.ReadError("unexpected end")
        while rest:
            if rest.strip(b"\0"):
                raise tarfile.ReadError("broken header")
            rest = opened.fileobj.read(1 << 20)


def _safe(member: str, archive: str) -> str:
    """A member's name with `/` between its parts, which must stay below the archive."""
    path = member.replace("\\", "/")  # as packers on Windows write it, against the standard
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or re.match("[A-Za-z]:", path) or ".." in parts:
        raise UserError(_unsafe(archive, member, "a path that leads out of it"))
    return "/".join(parts)


def _unsafe(archive: str, member: str, why: str) -> str:
    return (
        f"{archive} holds {member!r}, {why}, so nothing of it was unpacked; "
        "if you trust it, unpack it yourself and put the folder there instead"
    )
