"""Lists as other programs write them."""

import io
import os
import threading

import pytest

from vision.runtime import text

NAMES = ["cat.jpg", "Kätzchen/犬.png", "", "a b.jpg"]


def lines(content):
    return list(text.lines(io.BufferedReader(io.BytesIO(content))))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_lines_are_read_whatever_the_encoding(encoding, ends):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    assert lines((mark + ends.join(NAMES)).encode(encoding)) == NAMES


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("first", ["cat.jpg", "犬", "ä/bc.jpg"])
def test_utf_16_without_its_mark_is_known_by_its_zeros(first, encoding, ends):
    assert lines(ends.join([first, *NAMES]).encode(encoding)) == [first, *NAMES]


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


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\xef\xbb\xbf"])
def test_a_list_of_nothing_has_no_lines(content):
    assert lines(content) == []


def test_names_that_are_no_text_stay_names():
    (name,) = lines(b"caf\xe9.jpg\n")
    assert os.fsencode(name) == b"caf\xe9.jpg"


def test_a_broken_list_in_utf_16_is_read_as_far_as_it_goes():
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
