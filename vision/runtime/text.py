"""Read and print text and names that come from elsewhere.

Files are in UTF-8, or in UTF-16, as Windows writes it.
"""

import codecs
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import PurePath
from urllib.parse import unquote

LONGEST = 255  # bytes in the name of a file or a folder, on nearly all disks

# What no folder's name may have, or would hide it; and what looks as if it stood for such.
_NO_FOLDER = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]|^\.|%(?=[0-9A-F]{2})", re.IGNORECASE)

# Four characters of ASCII in a row, as ".jpg" is; no name of a file has a zero byte within.
_OF_16_BITS = re.compile(rb"(?:[\x01-\x7f]\0){4}")


def encoding_of(beginning: bytes) -> str:
    """Return the encoding of a text by its beginning: UTF-16 by its mark or its zeros, or UTF-8.

    Python's decoder of the name takes the mark away.
    """
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if zeros := _OF_16_BITS.search(beginning):
        return "utf-16-be" if zeros.start() % 2 else "utf-16-le"
    return "utf-8-sig"


def lines(stream: io.BufferedReader) -> Iterator[str]:
    """Yield the lines of a stream as they come, without their ends.

    What is no text in UTF-8, as the names of some files, is kept as `os.fsdecode` has it. Where
    zero bytes are the ends, as `find -print0` writes them, a name may have line breaks within.
    """
    beginning = stream.peek()
    encoding = encoding_of(beginning)
    in_utf_8 = encoding == "utf-8-sig"
    end = "\0" if in_utf_8 and b"\0" in beginning else "\n"
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)("surrogateescape" if in_utf_8 else "replace"),
        translate=end == "\n",
    )
    rest = ""
    for content in chain(iter(stream.read1, b""), [b""]):
        *whole, rest = (rest + decoder.decode(content, final=not content)).split(end)
        yield from whole
    if rest:
        yield rest


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), as most systems but macOS write it."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def shown(name: str) -> str:
    """Return a name as it is; quoted and escaped if one wouldn't see what it is."""
    if name != composed(name):
        return ascii(name)
    plain = name.isprintable() and name and name == " ".join(name.split())
    return name if plain else repr(name)


def some(items: Sequence[str], most: int = 3) -> str:
    """Return the first few of a list, and how many more there are."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def natural_order(names: Sequence[str]) -> list[str]:
    """Sort names as people do: cat.2 before cat.10."""

    def parts(name: str) -> list[str | int]:  # no numbers and numbers, in turn
        return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]

    return sorted(names, key=lambda name: (parts(name), name))


def folder_name(label: str) -> str:
    """Return the name of a class's folder: itself, but for `a/b`, which is `a%2Fb`, and the like.

    `class_name` gives the class again.
    """
    return _NO_FOLDER.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), label
    )


def class_name(folder: str) -> str:
    """Return the class that the name of a folder means, which `folder_name` gave."""
    return unquote(folder)


def fitting(name: str) -> str:
    """Shorten the stem of a name too long for a disk; a digest of it tells it from others."""
    if len(name.encode()) <= LONGEST:
        return name
    suffix = PurePath(name).suffix
    end = f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}{suffix}"
    stem = name.removesuffix(suffix).encode()[: LONGEST - len(end)]
    return stem.decode(errors="ignore") + end  # without the rest of a character that was cut
