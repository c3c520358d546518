import errno
import os

import pytest

from tests.files import files_below, write_files
from vision.disk import disk_errors, replacing
from vision.errors import UserError


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path / "raw", {"cat/old.jpg": b"old"})


def test_the_new_folder_takes_the_place_of_the_old_one(folder):
    with replacing(folder) as new:
        write_files(new, {"dog/new.jpg": b"new"})
        assert files_below(folder) == {"cat/old.jpg": b"old"}
    assert files_below(folder) == {"dog/new.jpg": b"new"}
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("error", [UserError("no"), ValueError("bug"), KeyboardInterrupt()])
def test_after_a_failure_the_old_folder_is_there_and_nothing_else(folder, error):
    def fail():
        with replacing(folder) as new:
            write_files(new, {"dog/new.jpg": b"new"})
            raise error

    with pytest.raises(type(error)):
        fail()
    assert files_below(folder.parent) == {"raw/cat/old.jpg": b"old"}
    assert list(folder.parent.iterdir()) == [folder]


def test_what_a_killed_run_left_is_cleared_away(folder):
    write_files(folder.with_name(".raw.partial"), {"new/dog/half.jpg": b"ha"})
    with replacing(folder) as new:
        write_files(new, {"dog/new.jpg": b"new"})
    assert files_below(folder.parent) == {"raw/dog/new.jpg": b"new"}


def test_a_run_killed_between_the_two_renames_costs_nothing(tmp_path):
    folder = tmp_path / "raw"
    write_files(tmp_path / ".raw.partial", {"old/cat/old.jpg": b"old", "new/dog/new.jpg": b"new"})
    with pytest.raises(UserError), replacing(folder):
        raise UserError("stop")
    assert files_below(tmp_path) == {"raw/cat/old.jpg": b"old"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_the_umask_makes_no_difference(tmp_path, mask):
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "raw") as new:
            write_files(new, {"dog/new.jpg": b"new"})
    finally:
        os.umask(before)
    modes = [(tmp_path / p).stat().st_mode & 0o777 for p in ("raw", "raw/dog", "raw/dog/new.jpg")]
    assert modes == [0o755, 0o755, 0o644]


def test_a_full_disk_is_one_clear_line(folder):
    with pytest.raises(UserError, match=f"disk is full while writing {folder}"):  # noqa: SIM117
        with replacing(folder):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert files_below(folder) == {"cat/old.jpg": b"old"}


def test_a_missing_permission_names_the_file(tmp_path):
    with pytest.raises(UserError, match=r"some\.jpg cannot be read or written: Permission"):  # noqa: SIM117
        with disk_errors(tmp_path):
            raise PermissionError(errno.EACCES, "Permission denied", "some.jpg")


def test_a_bug_of_ours_keeps_its_traceback(tmp_path):
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "missing").read_bytes()
