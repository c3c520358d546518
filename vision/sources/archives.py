"""Read untrusted zip and tar archives, member by member.

Nothing is written here. Whether a member is a picture, and of which class, is for others to say.
"""

from collections.abc import Iterator
from typing import IO

from vision.sources.members import Entry, Guessed, reading
from vision.sources.tars import COMPRESSIONS, read_tar
from vision.sources.unreadable_archives import check_start
from vision.sources.zips import read_zip

_START_BYTES = 8


def read(
    archive: IO[bytes],
    name: str,
    most: int,
    guessed: Guessed = lambda name, page, example: None,
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
    start = archive.read(_START_BYTES)
    check_start(start, name)
    compressed = start.startswith(tuple(COMPRESSIONS))
    with reading(name):
        if start.startswith(b"PK") or (name.lower().endswith(".zip") and not compressed):
            yield from read_zip(archive, name, most, guessed)
        else:
            yield from read_tar(archive, name)
