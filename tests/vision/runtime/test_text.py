"""Lists as other programs write them."""

import io
import os
import threading

import pytest

from vision.runtime import text

NAMES = ["cat.jpg", "Kätzchen/犬.png", "", "a b.jpg"]


def lines(content):
    return list(text.lines(io.BufferedReader(io.BytesIO(content))))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-marked-be", "utf-16-le", "utf-16-be"]
)
def test_lines_are_read_whatever_the_encoding(encoding, ends):
    """UTF-16 without its mark is known by its zeros."""
    mark = "\ufeff" if "marked" in encoding else ""
    for first in ("cat.jpg", "犬", "ä/bc.jpg"):
        text = mark + ends.join([first, *NAMES])
        assert lines(text.encode(encoding.replace("-marked", ""))) == [first, *NAMES]


def test_zeros_between_names_are_their_ends_as_find_writes_them():
    names = ["./a.jpg", "./Kätzchen/犬.png", "a b.jpg", "two\nlines\r\n.jpg", "caf\udce9.jpg"]
    content = b"\0".join(map(os.fsencode, names))
    assert lines(content) == lines(content + b"\0") == names


class Trickle(io.RawIOBase):
    """Gives a byte at a time after the first few, as a slow pipe might."""

    def __init__(self, content):
        self.content = content
        self.size = 9

    def readable(self):
        return True

    def readinto(self, buffer):
        given = self.content[: self.size]
        self.content = self.content[self.size :]
        self.size = 1
        buffer[: len(given)] = given
        return len(given)


@pytest.mark.parametrize(
    ("end", "encoding"), [("\r\n", "utf-8"), ("\0", "utf-8"), ("\n", "utf-16")]
)
def test_lines_are_the_same_however_their_bytes_come(end, encoding):
    names = ["a.jpg", *NAMES, "last.jpg"]
    stream = io.BufferedReader(Trickle(end.join(names).encode(encoding)))
    assert list(text.lines(stream)) == names


def test_a_list_of_nothing_or_of_no_text_is_read_as_far_as_it_goes():
    for content in (b"", b"\xff\xfe", b"\xef\xbb\xbf"):
        assert lines(content) == []
    (name,) = lines(b"caf\xe9.jpg\n")
    assert os.fsencode(name) == b"caf\xe9.jpg"
    assert lines("a.jpg\nb.jpg".encode("utf-16")[:-1])[0] == "a.jpg"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_line_comes_as_soon_as_it_is_written(encoding):
    reads, writes = os.pipe()
    waits = threading.Timer(30, os.close, [writes])  # so that a failure is no hang
    waits.start()
    with os.fdopen(reads, "rb") as stream:
        os.write(writes, "one\n".encode(encoding))
        names = text.lines(stream)
        assert next(names) == "one"
        assert waits.is_alive()
        names.close()
        assert not stream.closed
    waits.cancel()
    os.close(writes)
