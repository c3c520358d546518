import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest

from tests.code import ROOT
from tests.files import write_tar, write_zip, zipped
from vision.runtime.errors import UserError
from vision.sources import archives
from vision.sources.archives import DamagedError, read, reading

UMLAUT = "k\u00e4tzchen/0.jpg"
MEMBERS = {"cat/0.jpg": os.urandom(3000), "cat/empty.jpg": b"", "dog/0.jpg": b"dog" * 2000}


def contents(path, most=1000):
    found = {}
    with path.open("rb") as archive:
        for entry in read(archive, path.name, most):
            if entry.open:
                with reading(entry.name), entry.open() as file:
                    found[entry.name] = file.read()
    return found


def write(path, members):
    if path.suffix.lower() == ".zip":
        return write_zip(path, members, compression=zipfile.ZIP_DEFLATED)
    return write_tar(path, members, mode(path.name))


def mode(name):
    """Give the mode in which tarfile writes what a name tells."""
    ending = name.rpartition(".")[2]
    return "w:" + {"tar": "", "bz2": "bz2", "tbz2": "bz2", "xz": "xz", "txz": "xz"}.get(
        ending, "gz"
    )


ARCHIVES = pytest.mark.parametrize(
    "name",
    ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tbz2", "a.tar.xz", "a.txz", "A.ZIP"],
)


@ARCHIVES
def test_every_member_is_read(tmp_path, name):
    """And letters with accents that are taken apart, as on a Mac, are put together."""
    found = contents(write(tmp_path / name, {"ka\u0308tzchen/0.jpg": b"x", **MEMBERS}))
    read = {UMLAUT: b"x", **MEMBERS}
    assert found == {f"{name}/{member}": data for member, data in read.items()}


@ARCHIVES
def test_a_path_that_leads_outside_refuses_the_archive(tmp_path, name):
    outside = ("../0.jpg", "a/../../0.jpg", "/0.jpg", "C:/0.jpg", "c:0.jpg", "..\\0.jpg", "\\0.jpg")
    for member in outside:
        archive = write(tmp_path / name, {**MEMBERS, member: b"x"})
        with pytest.raises(UserError, match="leads out"):
            contents(archive)


def special(kind):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, "cat/0.jpg"
    return info


def link():
    info = zipfile.ZipInfo("dog/1.jpg")
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    ("name", "members", "said"),
    [
        ("a.tar", {"dog/1.jpg": special(tarfile.SYMTYPE)}, "'dog/1.jpg', a link or a device"),
        ("a.tar", {"dog/1.jpg": special(tarfile.LNKTYPE)}, "a link or a device"),
        ("a.tar", {"dog/1.jpg": special(tarfile.BLKTYPE)}, "a link or a device"),
        ("a.tar", {"dog/1.jpg": special(tarfile.FIFOTYPE)}, "a link or a device"),
        ("a.tar", {"dog/1.jpg": special(tarfile.GNUTYPE_SPARSE)}, "a sparse file"),
        ("a.zip", {link(): b"/etc/hostname"}, "a link or a device"),
        ("a.zip", {"a:1/1.jpg": b""}, "'a:1/1.jpg', .* leads out of it on Windows, to the disk a:"),
    ],
)
def test_what_is_no_plain_file_refuses_the_archive(tmp_path, name, members, said):
    with pytest.raises(UserError, match=said):
        contents(write(tmp_path / name, MEMBERS | members))


def test_an_encrypted_zip_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"cat/0.jpg": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # the flag in the directory at the end
    path.write_bytes(data)
    with pytest.raises(UserError, match="encrypted"):
        contents(path)


@ARCHIVES
def test_an_archive_that_is_cut_short_or_something_else_is_damaged(tmp_path, name):
    path = write(tmp_path / name, MEMBERS)
    for content in (path.read_bytes()[:2000], b"", b"not an archive\n" * 200):
        path.write_bytes(content)
        with pytest.raises(DamagedError, match=name):
            contents(path)


def test_a_truncated_zip_is_not_taken_for_a_zip_in_it(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"test1.zip": b"?", "train.zip": zipped(MEMBERS)})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DamagedError, match="goes on after its end"):
        contents(path)


FIRST = 512 + 3072  # the bytes of the first member of a tar


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("a.tar", lambda whole: whole.replace(b"dog/0.jpg", b"dog/x.jpg"), "broken header"),
        ("a.tar", lambda whole: whole[:FIRST], "a.tar"),
        ("a.tar", lambda whole: whole[: FIRST + 100], "a.tar"),
        # Of the checksum, behind all content.
        ("a.tgz", lambda whole: whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:], "a.tgz"),
    ],
    ids=["broken header", "cut between members", "cut within a header", "checksum"],
)
def test_a_damaged_tar_is_not_just_shorter(tmp_path, name, damage, said):
    path = write(tmp_path / name, MEMBERS)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedError, match=said):
        contents(path)


def test_what_stands_behind_an_archive_does_no_harm(tmp_path):
    path = write(tmp_path / "a.tar", MEMBERS)
    path.write_bytes(path.read_bytes() + bytes(1 << 20))  # as tapes are padded
    assert len(contents(path)) == len(MEMBERS)
    path = write(tmp_path / "a.zip", MEMBERS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"from a camera"
    assert len(contents(path)) == len(MEMBERS)


def test_names_packed_on_windows_are_read_as_paths(tmp_path):
    path = write_zip(tmp_path / "a.zip", {".\\cat\\0.jpg": b"x"})
    assert contents(path) == {"a.zip/cat/0.jpg": b"x"}


# --- bombs ---


def test_a_zip_of_too_many_members_is_refused_before_its_directory_is_read(tmp_path, monkeypatch):
    """Python would take the directory into the memory whole, at many times its size on disk."""
    path = write_zip(tmp_path / "a.zip", {f"cat/{n}.jpg": b"" for n in range(11)})
    data = path.read_bytes()
    assert len(contents(path, most=11)) == 11
    monkeypatch.setattr(zipfile, "ZipFile", None)  # so that any use of it fails
    # The number that the zip tells is not trusted.
    for content in (data, data[:-14] + struct.pack("<HH", 1, 1) + data[-10:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.zip goes beyond the 10 files"):
            contents(path, most=10)


def test_a_zip_that_tells_less_than_a_member_unfolds_to_is_damaged(tmp_path):
    """So nothing unfolds to more than was counted."""
    path = write_zip(tmp_path / "a.zip", {"cat/0.jpg": bytes(10**6)}, compression=8)
    told = struct.pack("<I", 10**6), struct.pack("<I", 100)
    path.write_bytes(path.read_bytes().replace(*told))
    with pytest.raises(DamagedError):
        contents(path)


SIZE = 64 << 10  # of what is beside the files, in each of these bombs


def header_of(kind, size):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def sparse_header():
    info = tarfile.TarInfo("cat/0.jpg")
    info.size = SIZE
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    return info.tobuf(tarfile.PAX_FORMAT) + b"99999999\n"


@pytest.mark.parametrize(
    ("header", "padding"),
    [
        (header_of(tarfile.GNUTYPE_LONGNAME, SIZE), b"\0"),
        (header_of(tarfile.XHDTYPE, SIZE), b"\0"),
        (sparse_header(), b"1\n"),
        (tarfile.TarInfo("cat/").tobuf(), b"\0"),
    ],
    ids=["long name", "extended header", "map of a sparse file", "zeros at the end"],
)
def test_what_unfolds_beside_the_files_of_a_tar_does_not_fill_the_memory(
    tmp_path, monkeypatch, header, padding
):
    monkeypatch.setattr(archives, "MAX_HEADERS", SIZE // 2)
    monkeypatch.setattr(archives, "MAX_PADDING", SIZE // 2)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(header + padding * SIZE))
    with pytest.raises(DamagedError, match="too many bytes that are no file's"):
        contents(path)


# --- names ---


def renamed(path, old, new, utf8=False):
    """Give members of a zip other names of the same length, byte by byte, as packers may."""
    data = path.read_bytes()
    assert data.count(old) >= 2
    data = bytearray(data.replace(old, new))
    for magic, offset in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        data[data.index(magic) + offset] = 8 if utf8 else 0
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("utf8", [True, False], ids=["said to be UTF-8", "not said"])
def test_a_zip_with_names_in_utf8_is_read_whether_its_packer_says_so_or_not(tmp_path, utf8):
    path = write_zip(tmp_path / "a.zip", {"kXXtzchen/0.jpg": b"x"})
    renamed(path, b"kXXtzchen", "k\u00e4tzchen".encode(), utf8)
    assert contents(path) == {f"a.zip/{UMLAUT}": b"x"}
    assert guesses(path)[1] == []
    if utf8:
        renamed(path, "k\u00e4tzchen".encode(), b"k\xe4\xe4tzchen", utf8)
        with pytest.raises(DamagedError, match=r"a\.zip"):
            contents(path)


def guesses(path):
    """Read names, and what is said of those whose code page was guessed."""
    said = []
    with path.open("rb") as archive:
        names = [e.name for e in read(archive, path.name, 1000, lambda *guess: said.append(guess))]
    return names, said


def zip_in(page, path, names):
    """Write a zip whose names are in a code page, without saying so."""
    raw = [name.encode(page) for name in names]
    stand_ins = [letter * len(name) for letter, name in zip("QXZ", raw, strict=False)]
    content = write_zip(path, dict.fromkeys(stand_ins, b"x")).read_bytes()
    for stand_in, name in zip(stand_ins, raw, strict=True):
        content = content.replace(stand_in.encode(), name)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("page", "written", "names"),
    [
        ("cp437", "cp437", [UMLAUT]),
        # Taken alone, the first, a cat, would be UTF-8, too.
        ("gb18030", "gb18030", ["\u732b/0000001.jpg", "\u72d7/0000002.jpg"]),
        ("gb18030", "gbk", ["\u732b/1.jpg", "dog/1.jpg"]),
        # A byte of the first looks like a backslash.
        ("cp932", "cp932", ["\u80fd\u9762/0000001.jpg", "\u30bd\u30fc\u30b9/0000002.jpg"]),
    ],
)
def test_names_in_a_code_page_are_read_in_the_likely_one_and_that_is_said(
    tmp_path, page, written, names
):
    found, said = guesses(zip_in(written, tmp_path / "a.zip", names))
    assert found == [f"a.zip/{name}" for name in names]
    assert said == [("a.zip", page, min(name for name in names if not name.isascii()))]


@pytest.mark.parametrize("plain", ["kXtzchen/0.jpg", "k\u00e4tzchen/0.jpg"])
@pytest.mark.parametrize(("spoilt", "right"), [(0, True), (1, False)])
def test_info_zips_field_with_the_name_counts_if_it_belongs_to_the_name(
    tmp_path, plain, spoilt, right
):
    """The field tells the checksum of the name that it stands beside."""
    raw = plain.encode("cp1252")
    stand_in = "q" * len(raw)
    info = zipfile.ZipInfo(stand_in)
    content = struct.pack("<BI", 1, zlib.crc32(raw) + spoilt) + "\u732b/0.jpg".encode()
    info.extra = struct.pack("<HH", 0x7075, len(content)) + content
    path = write_zip(tmp_path / "a.zip", {info: b"x"})
    path.write_bytes(path.read_bytes().replace(stand_in.encode(), raw))
    (name,), _ = guesses(path)
    assert (name == "a.zip/\u732b/0.jpg") == right


@ARCHIVES
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_two_members_have_is_given_twice(tmp_path, name):
    """And the content with it that is each one's own; the classes are told elsewhere."""
    path = write(tmp_path / name, {"cat/0.jpg": b"first", "cat/1.jpg": b"second"})
    if name.lower().endswith("zip"):
        path.write_bytes(path.read_bytes().replace(b"cat/1.jpg", b"cat/0.jpg"))
    else:
        with tarfile.open(path, mode(name)) as archive:
            for data in (b"first", b"second"):
                info = tarfile.TarInfo("cat/0.jpg")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    with path.open("rb") as archive:
        found = [(e.name, e.open().read()) for e in read(archive, name, 10)]
    assert found == [(f"{name}/cat/0.jpg", b"first"), (f"{name}/cat/0.jpg", b"second")]


# --- many members ---

MANY = 30_000


@pytest.mark.parametrize(
    ("name", "most_kilobytes"),
    # Python keeps the directory of a zip, 15 MB here; of a tar nothing is kept.
    [("a.zip", 45_000), ("a.tar", 15_000)],
)
def test_tens_of_thousands_of_members_take_seconds_and_little_memory(
    tmp_path, name, most_kilobytes
):
    pack = write_zip if name == "a.zip" else write_tar
    pack(tmp_path / name, {f"{n % 2}/{n}.jpg": b"" for n in range(MANY)})
    program = (
        "import re, sys, time; from vision.sources.archives import read\n"
        # The peak since this program began, unlike getrusage's, which knows its parent's.
        "def peak():\n"
        "    return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "before, archive = peak(), open(sys.argv[1], 'rb')\n"
        "n = sum(1 for _ in read(archive, sys.argv[1], 10**6))\n"
        "print(n, peak() - before, time.process_time())"
    )
    command = [sys.executable, "-c", program, tmp_path / name]
    number, kilobytes, seconds = subprocess.check_output(command, text=True, cwd=ROOT).split()
    assert int(number) == MANY
    assert int(kilobytes) < most_kilobytes
    # Of processor time: 0.5 at most; more than ten times that on a slow machine.
    assert float(seconds) < 6
