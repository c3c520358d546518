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
from vision.sources import tars
from vision.sources.archives import read
from vision.sources.members import DamagedError, reading

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
    found = contents(write(tmp_path / name, MEMBERS))
    assert found == {f"{name}/{member}": data for member, data in MEMBERS.items()}


@ARCHIVES
@pytest.mark.parametrize(
    "member", ["../0.jpg", "a/../../0.jpg", "/0.jpg", "C:/0.jpg", "c:0.jpg", "..\\0.jpg", "\\0.jpg"]
)
def test_a_path_that_leads_outside_refuses_the_archive(tmp_path, name, member):
    archive = write(tmp_path / name, {**MEMBERS, member: b"x"})
    with pytest.raises(UserError, match="leads out"):
        contents(archive)


def test_a_name_that_is_a_disks_on_windows_is_refused_in_these_words(tmp_path):
    with pytest.raises(
        UserError, match=r"'a:1/1\.jpg', .* leads out of it on Windows, to the disk a:"
    ):
        contents(write_zip(tmp_path / "a.zip", {"a:1/1.jpg": b"x"}))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_refuse_it(tmp_path, kind):
    special = tarfile.TarInfo()
    special.type, special.linkname = kind, "cat/0.jpg"
    archive = write_tar(tmp_path / "a.tar", {**MEMBERS, "dog/1.jpg": special})
    with pytest.raises(UserError, match=r"'dog/1.jpg', a link or a device"):
        contents(archive)


def test_a_link_in_a_zip_refuses_it(tmp_path):
    link = zipfile.ZipInfo("dog/1.jpg")
    link.external_attr = 0o120777 << 16
    archive = write_zip(tmp_path / "a.zip", {**MEMBERS, link: b"/etc/hostname"})
    with pytest.raises(UserError, match="a link or a device"):
        contents(archive)


def test_an_encrypted_zip_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"cat/0.jpg": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # the flag in the directory at the end
    path.write_bytes(data)
    with pytest.raises(UserError, match="encrypted"):
        contents(path)


@ARCHIVES
def test_a_truncated_archive_is_damaged(tmp_path, name):
    path = write(tmp_path / name, MEMBERS)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DamagedError, match=name):
        contents(path)


def test_a_truncated_zip_is_not_taken_for_a_zip_in_it(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"test1.zip": b"?", "train.zip": zipped(MEMBERS)})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DamagedError, match="goes on after its end"):
        contents(path)


def test_a_zip_with_a_comment_is_read(tmp_path):
    path = write_zip(tmp_path / "a.zip", MEMBERS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"from a camera"
    assert len(contents(path)) == len(MEMBERS)


@ARCHIVES
@pytest.mark.parametrize("data", [b"", b"not an archive\n" * 200])
def test_a_file_of_another_kind_is_damaged(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DamagedError, match=name):
        contents(path)


def test_a_tar_with_a_broken_header_in_the_middle_is_damaged_and_not_just_shorter(tmp_path):
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    path.write_bytes(path.read_bytes().replace(b"dog/0.jpg", b"dog/x.jpg"))
    with pytest.raises(DamagedError, match="broken header"):
        contents(path)


@pytest.mark.parametrize("length", [2 * 512, 2 * 512 + 100])
def test_a_tar_cut_between_two_members_is_damaged_and_not_just_shorter(tmp_path, length):
    path = write_tar(tmp_path / "a.tar", {"cat/0.jpg": b"x" * 512, "dog/0.jpg": b"y"})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DamagedError):
        contents(path)


def test_a_gzip_that_fails_its_checksum_is_damaged(tmp_path):
    path = write_tar(tmp_path / "a.tar.gz", MEMBERS, "w:gz")
    data = bytearray(path.read_bytes())
    data[-8] ^= 1  # of the checksum, behind all content
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        contents(path)


def test_names_packed_on_windows_are_read_as_paths(tmp_path):
    path = write_zip(tmp_path / "a.zip", {".\\cat\\0.jpg": b"x"})
    assert contents(path) == {"a.zip/cat/0.jpg": b"x"}


# --- bombs ---


def test_a_zip_of_too_many_members_is_refused_before_its_directory_is_read(tmp_path, monkeypatch):
    """Python would take the directory into the memory whole, at many times its size on disk."""
    path = write_zip(tmp_path / "a.zip", {f"cat/{n}.jpg": b"" for n in range(11)})
    monkeypatch.setattr(zipfile, "ZipFile", None)  # so that any use of it fails
    with pytest.raises(UserError, match=r"a\.zip goes beyond the 10 files"):
        contents(path, most=10)


def test_the_number_of_members_that_a_zip_tells_is_not_trusted(tmp_path):
    path = write_zip(tmp_path / "a.zip", {f"cat/{n}.jpg": b"" for n in range(11)})
    data = path.read_bytes()
    path.write_bytes(data[:-14] + struct.pack("<HH", 1, 1) + data[-10:])
    with pytest.raises(UserError, match="goes beyond the 10 files"):
        contents(path, most=10)
    assert len(contents(path, most=11)) == 11


def test_records_are_counted_where_pieces_that_are_read_meet(tmp_path):
    # The first record starts two bytes before the end of the first MiB.
    stored = (1 << 20) - 2 - (30 + len("cat/0.jpg"))
    path = write_zip(tmp_path / "a.zip", {"cat/0.jpg": bytes(stored)})
    assert path.read_bytes().index(b"PK\1\2") == (1 << 20) - 2
    with pytest.raises(UserError, match="goes beyond"):
        contents(path, most=0)


def test_a_zip_that_tells_less_than_a_member_unfolds_to_is_damaged(tmp_path):
    """So nothing unfolds to more than was counted."""
    path = write_zip(tmp_path / "a.zip", {"cat/0.jpg": bytes(10**6)}, compression=8)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 10**6), struct.pack("<I", 100)))
    with path.open("rb") as archive:
        for entry in read(archive, path.name, 10):
            assert entry.size == 100
            with pytest.raises(DamagedError), reading(entry.name), entry.open() as file:
                file.read()


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


BOMBS = {
    "long name": (header_of(tarfile.GNUTYPE_LONGNAME, SIZE), b"\0"),
    "extended header": (header_of(tarfile.XHDTYPE, SIZE), b"\0"),
    "map of a sparse file": (sparse_header(), b"1\n"),
    "zeros at the end": (tarfile.TarInfo("cat/").tobuf(), b"\0"),
}


@pytest.mark.parametrize(("header", "padding"), BOMBS.values(), ids=BOMBS)
def test_what_unfolds_beside_the_files_of_a_tar_does_not_fill_the_memory(
    tmp_path, monkeypatch, header, padding
):
    monkeypatch.setattr(tars, "MAX_HEADERS", SIZE // 2)
    monkeypatch.setattr(tars, "MAX_PADDING", SIZE // 2)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(header + padding * SIZE))
    with pytest.raises(DamagedError, match="too many bytes that are no file's"):
        contents(path)


def test_a_tar_padded_as_tapes_are_is_read(tmp_path):
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    path.write_bytes(path.read_bytes() + bytes(1 << 20))
    assert len(contents(path)) == len(MEMBERS)


def test_a_sparse_file_refuses_a_tar(tmp_path):
    sparse = tarfile.TarInfo("cat/1.jpg")
    sparse.type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(UserError, match="a sparse file"):
        contents(write_tar(tmp_path / "a.tar", {**MEMBERS, "cat/1.jpg": sparse}))


# --- names ---

UMLAUT = "k\u00e4tzchen/0.jpg"


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


def test_a_zip_with_names_in_the_code_page_of_dos_is_read(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"kXtzchen/0.jpg": b"x"})
    renamed(path, b"kXtzchen", "k\u00e4tzchen".encode("cp437"))
    assert contents(path) == {f"a.zip/{UMLAUT}": b"x"}


def guesses(path):
    """Read names, and what is said of those whose code page was guessed."""
    said = []
    with path.open("rb") as archive:
        names = [e.name for e in read(archive, path.name, 1000, lambda *guess: said.append(guess))]
    return names, said


def zip_in(page, path, names):
    """Write a zip whose names are in a code page, without saying so."""
    stand_ins = {
        letter * len(name.encode(page)): name for letter, name in zip("QXZ", names, strict=False)
    }
    data = write_zip(path, dict.fromkeys(stand_ins, b"x")).read_bytes()
    for stand_in, name in stand_ins.items():
        data = data.replace(stand_in.encode(), name.encode(page))
    path.write_bytes(data)
    return path


CHINESE = ["\u732b/0000001.jpg", "\u72d7/0000002.jpg"]  # a cat and a dog


def test_names_in_a_code_page_are_read_in_the_likely_one_and_that_is_said(tmp_path):
    """Taken alone, the first would be UTF-8."""
    assert CHINESE[0].encode("gb18030").decode("utf-8")
    path = zip_in("gb18030", tmp_path / "a.zip", CHINESE)
    names, said = guesses(path)
    assert names == [f"a.zip/{name}" for name in CHINESE]
    assert said == [("a.zip", "gb18030", min(CHINESE))]


def test_a_single_foreign_name_that_could_be_utf8_is_told_by_what_is_likely_and_said(tmp_path):
    path = zip_in("gbk", tmp_path / "a.zip", ["\u732b/1.jpg", "dog/1.jpg"])
    names, said = guesses(path)
    assert names == ["a.zip/\u732b/1.jpg", "a.zip/dog/1.jpg"]
    assert said == [("a.zip", "gb18030", "\u732b/1.jpg")]


def test_a_byte_of_a_letter_that_looks_like_a_backslash_parts_nothing(tmp_path):
    japanese = ["\u80fd\u9762/0000001.jpg", "\u30bd\u30fc\u30b9/0000002.jpg"]
    assert b"\\" in japanese[0].encode("cp932")
    assert guesses(zip_in("cp932", tmp_path / "a.zip", japanese))[0] == [
        f"a.zip/{name}" for name in japanese
    ]


def test_nothing_is_said_where_nothing_is_guessed(tmp_path):
    assert guesses(write_zip(tmp_path / "a.zip", {UMLAUT: b"x"}))[1] == []
    path = renamed(
        write_zip(tmp_path / "b.zip", {"kXXtzchen/0.jpg": b""}), b"kXXt", "k\u00e4t".encode()
    )
    assert guesses(path)[1] == []


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


def test_names_that_are_said_to_be_utf8_and_are_not_are_damage(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"kXtzchen/0.jpg": b"x"})
    renamed(path, b"kXtzchen", b"k\xe4tzchen", utf8=True)
    with pytest.raises(DamagedError, match=r"a\.zip"):
        contents(path)


@ARCHIVES
def test_letters_with_accents_taken_apart_as_on_a_mac_are_put_together(tmp_path, name):
    path = write(tmp_path / name, {"ka\u0308tzchen/0.jpg": b"x"})
    assert contents(path) == {f"{name}/{UMLAUT}": b"x"}


@ARCHIVES
def test_a_name_that_two_members_have_is_given_twice(tmp_path, name):
    """And the content with it that is each one's own; the classes are told elsewhere."""
    if name.lower().endswith("zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("cat/0.jpg", b"first")
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("cat/0.jpg", b"second")
    else:
        with tarfile.open(tmp_path / name, mode(name)) as archive:
            for data in (b"first", b"second"):
                info = tarfile.TarInfo("cat/0.jpg")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    with (tmp_path / name).open("rb") as archive:
        found = [(e.name, e.open().read()) for e in read(archive, name, 10)]
    assert found == [(f"{name}/cat/0.jpg", b"first"), (f"{name}/cat/0.jpg", b"second")]


# --- many members ---

MANY = 100_000


def many_in_a_zip():
    """Packed by hand, as zipfile takes longer for it than the test may."""
    files, directory = [], []
    for n in range(MANY):
        name = b"%d/%06d.jpg" % (n % 2, n)
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0)
        offset = n * (30 + len(name))
        files.append(b"PK\3\4" + fields + name)
        directory.append(
            b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, offset)
        )
        directory.append(name)
    files, directory = b"".join(files), b"".join(directory)
    # The number of members has 16 bits here, and nobody looks at it.
    end = struct.pack("<HHHHIIH", 0, 0, 0, 0, len(directory), len(files), 0)
    return files + directory + b"PK\5\6" + end


def many_in_a_tar():
    """The same, of one header with other names, and so another sum of its bytes."""
    header = tarfile.TarInfo("0/000000.jpg").tobuf(tarfile.USTAR_FORMAT)
    plain = sum(header[:148]) + sum(header[156:]) + 8 * ord(" ") - sum(header[:12])
    members = []
    for n in range(MANY):
        name = b"%d/%06d.jpg" % (n % 2, n)
        members += [name, header[12:148], b"%06o\0 " % (plain + sum(name)), header[156:]]
    return b"".join(members) + bytes(2 * tarfile.BLOCKSIZE)


@pytest.mark.parametrize(
    ("name", "pack", "most_kilobytes"),
    # Python keeps the directory of a zip, 51 MB here; of a tar nothing is kept.
    [("a.zip", many_in_a_zip, 150_000), ("a.tar", many_in_a_tar, 20_000)],
    ids=["zip", "tar"],
)
def test_a_hundred_thousand_members_take_seconds_and_little_memory(
    tmp_path, name, pack, most_kilobytes
):
    (tmp_path / name).write_bytes(pack())
    program = (
        "import re, sys, time; from vision.sources.archives import read\n"
        # The peak since this program began, unlike getrusage's, which knows its parent's.
        "def peak():\n"
        "    return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "before, archive = peak(), open(sys.argv[1], 'rb')\n"
        "n = sum(1 for _ in read(archive, sys.argv[1], 10**6))\n"
        "print(n, peak() - before, time.process_time())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / name],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    number, kilobytes, seconds = done.stdout.split()
    assert int(number) == MANY
    assert int(kilobytes) < most_kilobytes
    # Of processor time: 0.7 for the zip and 1.7 for the tar; ten times that on a slow machine.
    assert float(seconds) < 17
