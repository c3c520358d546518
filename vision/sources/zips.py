"""Read zip archives, member by member."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO

from vision.sources import code_pages
from vision.sources.members import Entry, Guessed, beyond, inside, unsafe
from vision.sources.unreadable_archives import UnreadableError, part_of_zip

# Bytes in the last record of a zip, which a comment of 64 KiB at most may follow.
END_OF_ZIP = 22
_MAX_COMMENT = (1 << 16) - 1
# A member's record in the directory of a zip: how it starts, and its least bytes.
ZIP_RECORD = b"PK\1\2"
ZIP_RECORD_BYTES = 46

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


def read_zip(archive: IO[bytes], name: str, most: int, guessed: Guessed) -> Iterator[Entry]:
    """Return the entries of a zip, as `vision.sources.archives.read` does."""
    _check_whole(archive, name)
    if _records(archive, most) > most:
        raise beyond(name, f"{most:,} files")
    with _opened(archive, name) as opened:
        # Of a truncated zip that holds zips, zipfile takes the last of those for the whole.
        archive.seek(-END_OF_ZIP - len(opened.comment), io.SEEK_END)
        if not archive.read(END_OF_ZIP).startswith(b"PK\5\6"):
            raise zipfile.BadZipFile("it goes on after its end")
        members = opened.infolist()
        _check_readable(members, name)
        for member, path in zip(members, _names(members, partial(guessed, name)), strict=True):
            entry = f"{name}/{inside(path, name)}"
            # The upper half holds a Unix mode, or nothing when packed on another system.
            if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise unsafe(name, path, "a link or a device")
            if path.endswith(("/", "\\")):
                yield Entry(entry + "/")
            else:
                yield Entry(entry, member.file_size, partial(opened.open, member))


def _opened(archive: IO[bytes], name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except NotImplementedError as error:  # such as over a version of the format
        raise UnreadableError(name, f"a zip of a newer kind ({error})") from None


def _check_whole(archive: IO[bytes], name: str) -> None:
    """Refuse the last part of a split zip, whose last record tells its number."""
    size = archive.seek(0, io.SEEK_END)
    archive.seek(max(0, size - END_OF_ZIP - _MAX_COMMENT))
    end = archive.read()
    start = end.rfind(b"PK\5\6")
    if start < 0 or len(end) < start + END_OF_ZIP:
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
    if archive.seek(0, io.SEEK_END) <= most * ZIP_RECORD_BYTES:
        return 0
    archive.seek(0)
    found, end = 0, b""
    while piece := archive.read(1 << 20):
        found += (end + piece).count(ZIP_RECORD)
        end = piece[1 - len(ZIP_RECORD) :]
    return found


def _check_readable(members: list[zipfile.ZipInfo], name: str) -> None:
    """Refuse members that are encrypted, or packed in a way that zipfile doesn't know."""
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise UnreadableError(name, "encrypted")
    methods = {member.compress_type for member in members} - _METHODS
    if methods:
        known = ", ".join(_OTHER_METHODS.get(method, "unknown") for method in sorted(methods))
        numbers = ", ".join(map(str, sorted(methods)))
        raise UnreadableError(name, f"a zip packed by {known} (method {numbers})")


def _names(members: list[zipfile.ZipInfo], guessed: Callable[[str, str], None]) -> list[str]:
    """Return the name of each member.

    A member says that its name is in UTF-8, or has it in a field of its own. Other names are in
    UTF-8, as macOS writes them, or in the code page of their system.
    """
    names = [member.filename for member in members]
    silent = {}
    for number, member in enumerate(members):
        if member.flag_bits & _UTF8 or (member.orig_filename.isascii() and not member.extra):
            continue
        plain = member.orig_filename.encode(code_pages.STANDARD)
        if (path := _unicode_path(member.extra, plain)) is not None:
            names[number] = path
        elif not plain.isascii():
            silent[number] = plain
    if not silent:
        return names
    page, certain = code_pages.guess(silent.values())
    read = {number: plain.decode(page) for number, plain in silent.items()}
    if not certain:
        guessed(page, min(read.values()))
    for number, path in read.items():
        names[number] = path
    return names


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
