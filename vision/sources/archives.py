"""Reading zip and tar archives that nobody vouches for, member by member.

Nothing is written here. Whether a member is a picture, and of which class, is for others to say.
"""

import bz2
import errno
import gzip
import io
import lzma
import re
import stat
import tarfile
import unicodedata
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
# A member's record in the directory of a zip: how it starts, and its least bytes.
ZIP_RECORD = b"PK\1\2"
ZIP_RECORD_BYTES = 46
UTF8_NAME = 0x800  # the flag of a zip's member whose name is in UTF-8

# How the files start that a tar may be compressed to.
COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
# What tarfile may read, in bytes, before it gives a member, and the zeros that may follow the last
# one: the longest name, and the padding of a tape, are far below.
MAX_HEADERS = 1 << 20
MAX_PADDING = 1 << 26

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


def read(archive: IO[bytes], name: str, most: int) -> Iterator[Entry]:
    """The entries of an archive, in its own order; names start with the archive's own.

    An entry is to be opened before the next one is asked for. Names are in Unicode's composed
    form (NFC), as most systems write them and macOS doesn't, so that equal ones are equal.

    Parameters
    ----------
    most : the members that it may hold. A zip of more is refused before its directory, which
        Python takes into the memory whole, is read; of a tar, whoever iterates counts.

    Raises
    ------
    DamagedError
        It isn't an archive of the kind that its name says, or is damaged.
    UserError
        It is encrypted, or holds a link, a device or a name that leads out of it, or more than
        `most` members.
    """
    with reading(name):
        if name.lower().endswith(".zip"):
            yield from _zip(archive, name, most)
        else:
            yield from _tar(archive, name)


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


def _zip(archive: IO[bytes], name: str, most: int) -> Iterator[Entry]:
    if _zip_records(archive, most) > most:
        raise UserError(beyond(name, f"{most:,} files"))
    with zipfile.ZipFile(archive) as opened:
        # Of a truncated zip that holds zips, zipfile takes the last of those for the whole.
        archive.seek(-END_OF_ZIP - len(opened.comment), io.SEEK_END)
        if not archive.read(END_OF_ZIP).startswith(b"PK\5\6"):
            raise zipfile.BadZipFile("it goes on after its end")
        for member in opened.infolist():
            entry = f"{name}/{_safe(_zip_name(member), name)}"
            # The upper half holds a Unix mode, or nothing when packed on another system.
            if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise UserError(_unsafe(name, member.filename, "a link or a device"))
            if member.flag_bits & 0x1:
                raise UserError(f"{name} is encrypted; unpack it and put the folder there instead")
            if member.filename.endswith(("/", "\\")):
                yield Entry(entry + "/")
            else:
                yield Entry(entry, member.file_size, partial(opened.open, member))


def _zip_records(archive: IO[bytes], most: int) -> int:
    """Count what may be records of members, if there may be more than `most`; else 0.

    The records at the end that tell the number may lie, and zipfile doesn't look at it.
    """
    if archive.seek(0, io.SEEK_END) <= most * ZIP_RECORD_BYTES:
        return 0
    archive.seek(0)
    found, end = 0, b""
    while piece := archive.read(1 << 20):
        found += (end + piece).count(ZIP_RECORD)
        end = piece[1 - len(ZIP_RECORD) :]
    return found


def _zip_name(member: zipfile.ZipInfo) -> str:
    """A member's name; in UTF-8 if it can be, also where its packer, as on macOS, didn't say so."""
    if member.flag_bits & UTF8_NAME:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


class _Metered(io.RawIOBase):
    """A stream of which no more than `left` bytes can be read; None: as many as there are."""

    def __init__(self, stream: IO[bytes], left: int | None):
        self._stream, self.left = stream, left

    def read(self, size: int = -1) -> bytes:
        if self.left is not None:
            if not 0 <= size <= self.left:
                raise tarfile.ReadError("too many bytes that are no file's")
            self.left -= size
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _tar(archive: IO[bytes], name: str) -> Iterator[Entry]:
    archive.seek(0)
    start = archive.read(max(map(len, COMPRESSIONS)))
    archive.seek(0)
    openers = [COMPRESSIONS[magic] for magic in COMPRESSIONS if start.startswith(magic)]
    stream = _Metered(openers[0](archive) if openers else archive, MAX_HEADERS)
    with tarfile.open(fileobj=stream, mode="r:") as opened:
        while member := opened.next():
            entry = f"{name}/{_safe(member.name, name)}"
            stream.left = None
            if member.isdir():
                yield Entry(entry + "/")
            elif member.issparse():
                raise UserError(_unsafe(name, member.name, "a sparse file"))
            elif member.isreg():
                yield Entry(entry, member.size, partial(opened.extractfile, member))
            else:
                raise UserError(_unsafe(name, member.name, "a link or a device"))
            stream.left = MAX_HEADERS
            opened.members.clear()  # tarfile would keep them all
        # tarfile takes a broken or missing header for the end, and gzip checks its sum at the
        # very end: zeros have to follow the last member, and all of them have to be read.
        stream.left = MAX_PADDING
        stream.seek(opened.offset)
        rest = stream.read(tarfile.BLOCKSIZE)
        if not rest:
            raise tarfile.ReadError("unexpected end")
        while rest:
            if rest.strip(b"\0"):
                raise tarfile.ReadError("broken header")
            rest = stream.read(tarfile.RECORDSIZE)


def _safe(member: str, archive: str) -> str:
    """A member's name with `/` between its parts, which must stay below the archive."""
    path = member.replace("\\", "/")  # as packers on Windows write it, against the standard
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or re.match("[A-Za-z]:", path) or ".." in parts:
        raise UserError(_unsafe(archive, member, "a path that leads out of it"))
    return unicodedata.normalize("NFC", "/".join(parts))


def beyond(name: str, bound: str) -> str:
    """What to say of a file or an archive that goes beyond what is unpacked."""
    return (
        f"{name} goes beyond the {bound} that are unpacked; take fewer pictures, or raise "
        "download.max_files or download.max_gb if you trust it"
    )


def _unsafe(archive: str, member: str, why: str) -> str:
    return (
        f"{archive} holds {member!r}, {why}, so nothing of it was unpacked; "
        "if you trust it, unpack it yourself and put the folder there instead"
    )
