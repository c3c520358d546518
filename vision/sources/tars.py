"""Read tar archives, plain and compressed, member by member."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import IO

from vision.sources.members import Entry, inside, unsafe

# How the files start that a tar may be compressed to.
COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
# What tarfile may read, in bytes, before it gives a member, and the zeros that may follow the last
# one: the longest name, and the padding of a tape, are far below.
MAX_HEADERS = 1 << 20
MAX_PADDING = 1 << 26


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


def read_tar(archive: IO[bytes], name: str) -> Iterator[Entry]:
    """Return the entries of a tar, as `vision.sources.archives.read` does."""
    archive.seek(0)
    start = archive.read(max(map(len, COMPRESSIONS)))
    archive.seek(0)
    openers = [COMPRESSIONS[magic] for magic in COMPRESSIONS if start.startswith(magic)]
    stream = _Metered(openers[0](archive) if openers else archive, MAX_HEADERS)
    with tarfile.open(fileobj=stream, mode="r:") as opened:
        while member := opened.next():
            entry = f"{name}/{inside(member.name, name)}"
            stream.left = None
            if member.isdir():
                yield Entry(entry + "/")
            elif member.issparse():
                raise unsafe(name, member.name, "a sparse file")
            elif member.isreg():
                yield Entry(entry, member.size, partial(opened.extractfile, member))
            else:
                raise unsafe(name, member.name, "a link or a device")
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
