import os
import tarfile
import zipfile

import pytest

from tests.files import write_tar, write_zip, zipped
from vision.errors import UserError
from vision.sources.archives import DamagedError, read, reading

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
    return write_tar(path, members, "w" if path.suffix == ".tar" else "w:gz")


ARCHIVES = pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "A.ZIP"])


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
