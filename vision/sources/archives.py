"""Read untrusted zip and tar archives, member by member.

Nothing is written here. Whether a member is a picture, and of which class, is for others to say.
"""

import bz2
import errno
import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, NamedTuple

from vision.runtime.errors import UserError
from vision.runtime.text import composed
from vision.sources import code_pages
from vision.sources.unreadable_archives import UnreadableError, check_start, part_of_zip

# What the readers of the standard library were seen to raise over damaged bytes.
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, UnicodeDecodeError, OverflowError,
)  # fmt: skip

# How the files start that a tar may be compressed to.
_COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
# What tarfile may read, in bytes, before it gives a member, and the zeros that may follow the last
# one: the longest name, and the padding of a tape, are far below.
MAX_HEADERS = 1 << 20
MAX_PADDING = 1 << 26

# How the last record of a zip starts, and its bytes, which a comment of 64 KiB at most may follow.
_ZIP_END, _ZIP_END_BYTES = b"PK\5\6", 22
_MAX_COMMENT = (1 << 16) - 1
# A member's record in the directory of a zip: how it starts, and its least bytes.
_ZIP_RECORD, _ZIP_RECORD_BYTES = b"PK\1\2", 46
_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags of a member; the latter tells of its name
_UNICODE_PATH = 0x7075  # the extra field of Info-ZIP with a name in UTF-8
# What zipfile unfolds, and what else there is.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_OTHER_METHODS = {
    1: "Shrink", 2: "Reduce", 3: "Reduce", 4: "Reduce", 5: "Reduce", 6: "Implode", 9: "Deflate64",
    10: "PKWARE's Implode", 16: "IBM's CMPSC", 18: "IBM's TERSE", 19: "IBM's LZ77",
    20: "an early Zstandard", 93: "Zstandard", 94: "MP3", 95: "XZ", 96: "JPEG", 97: "WavPack",
    98: "PPMd",
}  # fmt: skip

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


def read(
    archive: IO[bytes], name: str, most: int, guessed: Guessed = lambda *guess: None
) -> Iterator[Entry]:
    """Return the entries of an archive, in its own order; names start with the archive's own.

    An entry is to be opened before the next one is asked for. Names are in Unicode's composed
    form (NFC), as most systems write them and macOS doesn't, so that equal ones are equal.

    Parameters
    ----------
    most : the members that it may hold. A zip of more is refused before its directory, which
        Python takes into the memory whole, is read; of a tar, whoever iterates counts.
    guessed : called where the code page of names had to be guessed.

    Raises
    ------
    DamagedError
        It isn't an archive of the kind that its name says, or is damaged.
    UnreadableError
        It is whole, and encrypted, split, or of a kind that cannot be read.
    UserError
        It holds a link, a device or a name that leads out of it, or more than `most` members.
    """
    archive.seek(0)
    start = archive.read(8)
    archive.seek(0)
    check_start(start, name)
    opener = next(
        (_COMPRESSIONS[magic] for magic in _COMPRESSIONS if start.startswith(magic)), None
    )
    with reading(name):
        if start.startswith(b"PK") or (name.lower().endswith(".zip") and not opener):
            yield from _read_zip(archive, name, most, guessed)
        else:
            yield from _read_tar(opener(archive) if opener else archive, name)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Name the archive, or the entry, over whose bytes a reader gave up."""
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        # gzip and bz2 raise OSError without a number; zipfile seeks to impossible places.
        if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DamagedError(f"{name} is damaged ({reason}); get that archive anew") from None


def _inside(member: str, archive: str) -> str:
    """Return a member's name, composed, with `/` between its parts, below the archive's.

    Raises
    ------
    UserError
        It leads out of the archive.
    """
    path = member.replace("\\", "/")  # as packers on Windows write it, against the standard
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or ".." in parts:
        raise _unsafe(archive, member, "a path that leads out of it")
    if re.match("[A-Za-z]:", path):
        out = f"a path that leads out of it on Windows, to the disk {path[:2]}"
        raise _unsafe(archive, member, out)
    return f"{archive}/{composed('/'.join(parts))}"


def _unsafe(archive: str, member: str, why: str = "a link or a device") -> UserError:
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


class _Metered(io.RawIOBase):
    """A stream of which no more than `left` bytes can be read; None: as many as there are."""

    def __init__(self, stream: IO[bytes], left: int | None):
        self._stream, self.left = stream, left
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        if self.left is not None:
            if not 0 <= size <= self.left:
                raise tarfile.ReadError("too many bytes that are no file's")
            self.left -= size
        return self._stream.read(size)


def _read_tar(archive: IO[bytes], name: str) -> Iterator[Entry]:
    """Return the entries of a tar, of which the stream is not compressed any more."""
    stream = _Metered(archive, MAX_HEADERS)
    with tarfile.open(fileobj=stream, mode="r:") as opened:
        while member := opened.next():
            entry = _inside(member.name, name)
            stream.left = None
            if member.isdir():
                yield Entry(entry + "/")
            elif member.issparse():
                raise _unsafe(name, member.name, "a sparse file")
            elif member.isreg():
                yield Entry(entry, member.size, partial(opened.extractfile, member))
            else:
                raise _unsafe(name, member.name)
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


def _read_zip(archive: IO[bytes], name: str, most: int, guessed: Guessed) -> Iterator[Entry]:
    _check_whole(archive, name)
    if _records(archive, most) > most:
        raise beyond(name, f"{most:,} files")
    try:
        opened = zipfile.ZipFile(archive)
    except NotImplementedError as error:  # such as over a version of the format
        raise UnreadableError(name, f"a zip of a newer kind ({error})") from None
    with opened:
        # Of a truncated zip that holds zips, zipfile takes the last of those for the whole.
        archive.seek(-_ZIP_END_BYTES - len(opened.comment), io.SEEK_END)
        if not archive.read(_ZIP_END_BYTES).startswith(_ZIP_END):
            raise zipfile.BadZipFile("it goes on after its end")
        members = opened.infolist()
        _check_readable(members, name)
        for member, path in zip(members, _names(members, partial(guessed, name)), strict=True):
            entry = _inside(path, name)
            # The upper half holds a Unix mode, or nothing when packed on another system.
            if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _unsafe(name, path)
            if path.endswith(("/", "\\")):
                yield Entry(entry + "/")
            else:
                yield Entry(entry, member.file_size, partial(opened.open, member))


def _check_whole(archive: IO[bytes], name: str) -> None:
    """Refuse the last part of a split zip, whose last record tells its number."""
    size = archive.seek(0, io.SEEK_END)
    archive.seek(max(0, size - _ZIP_END_BYTES - _MAX_COMMENT))
    end = archive.read()
    start = end.rfind(_ZIP_END)
    if start < 0 or len(end) < start + _ZIP_END_BYTES:
        return
    (disk,) = struct.unpack_from("<H", end, start + 4)
    locator = start - 20  # of the last record of a zip with larger numbers
    if disk == 0xFFFF and locator >= 0 and end.startswith(b"PK\6\7", locator):
        disk = struct.unpack_from("<I", end, locator + 16)[0] - 1
    if 0 < disk < 0xFFFF:
        raise part_of_zip(name, name.rpartition("/")[2])


def _records(archive: IO[bytes], most: int) -> int:
    """Count what may be records of members, if there may be more than `most`; else 0.

    The records at the end that tell the number may lie, and zipfile doesn't look at it.
    """
    if archive.seek(0, io.SEEK_END) <= most * _ZIP_RECORD_BYTES:
        return 0
    archive.seek(0)
    found, end = 0, b""
    while piece := archive.read(1 << 20):
        found += (end + piece).count(_ZIP_RECORD)
        end = piece[1 - len(_ZIP_RECORD) :]
    return found


def _check_readable(members: list[zipfile.ZipInfo], name: str) -> None:
    """Refuse members that are encrypted, or packed in a way that zipfile doesn't know."""
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise UnreadableError(name, "encrypted")
    if methods := sorted({member.compress_type for member in members} - _METHODS):
        known = ", ".join(_OTHER_METHODS.get(method, "unknown") for method in methods)
        numbers = ", ".join(map(str, methods))
        raise UnreadableError(name, f"a zip packed by {known} (method {numbers})")


def _names(members: list[zipfile.ZipInfo], guessed: Callable[[str, str], None]) -> list[str]:
    """Return the name of each member.

    A member says that its name is in UTF-8, or has it in a field of its own. Other names are in
    UTF-8, as macOS writes them, or in the code page of their system.
    """
    names = {number: member.filename for number, member in enumerate(members)}
    silent = {}
    for number, member in enumerate(members):
        if member.flag_bits & _UTF8 or (member.orig_filename.isascii() and not member.extra):
            continue
        plain = member.orig_filename.encode(code_pages.STANDARD)
        if (path := _unicode_path(member.extra, plain)) is not None:
            names[number] = path
        elif not plain.isascii():
            silent[number] = plain
    if silent:
        page, certain = code_pages.guess(silent.values())
        read = {number: plain.decode(page) for number, plain in silent.items()}
        if not certain:
            guessed(page, min(read.values()))
        names |= read
    return list(names.values())


def _unicode_path(extra: bytes, plain: bytes) -> str | None:
    """Return the name in a member's extra fields, unless it belongs to another plain name."""
    while len(extra) >= 4:
        field, length = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + length], extra[4 + length :]
        if field != _UNICODE_PATH or len(content) <= 5 or content[0] != 1:
            continue
        if struct.unpack_from("<I", content, 1)[0] == zlib.crc32(plain):
            return content[5:].decode("utf-8")
    return None
