"""Reads text as other programs save it: UTF-8, or UTF-16, as Windows writes it."""

import codecs
import io
import re
from collections.abc import Iterator
from itertools import chain

# Four characters of ASCII in a row, as ".jpg" is; no name of a file has a zero byte within.
_OF_16_BITS = re.compile(rb"(?:[\x01-\x7f]\0){4}")


def encoding_of(beginning: bytes) -> str:
    """Tell the encoding of a text by its beginning: UTF-16 by its mark or its zeros, or UTF-8.

    Python's decoder of the name takes the mark away.
    """
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if zeros := _OF_16_BITS.search(beginning):
        return "utf-16-be" if zeros.start() % 2 else "utf-16-le"
    return "utf-8-sig"


def lines(stream: io.BufferedReader) -> Iterator[str]:
    """Give the lines of a stream as they come, without their ends.

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
