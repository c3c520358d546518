import errno
import os

import pytest

from tests.files import files_below, write_files
from vision.runtime.disk import disk_errors, replacing, replacing_file
from vision.runtime.errors import UserError


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path / "raw", {"cat/old.jpg": b"old"})


def test_the_new_folder_takes_the_place_of_the_old_one(folder):
    write_files(folder.with_name(".raw.partial"), {"new/dog/half.jpg": b"ha"})  # of a killed run
    with replacing(folder) as new:
        write_files(new, {"dog/new.jpg": b"new"})
        assert files_below(folder) == {"cat/old.jpg": b"old"}
    assert files_below(folder) == {"dog/new.jpg": b"new"}
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (UserError("no"), UserError, "^no$"),
        (ValueError("bug"), ValueError, "bug"),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
        (OSError(errno.ENOSPC, "No space"), UserError, "the disk is full while writing"),
        (
            PermissionError(errno.EACCES, "Permission denied", "some.jpg"),
            UserError,
            r"some\.jpg cannot be read or written: Permission",
        ),
    ],
)
@pytest.mark.parametrize("replace", [replacing, replacing_file])
def test_after_a_failure_what_was_there_is_there_and_nothing_else(
    folder, error, raised, said, replace
):
    of_file = replace is replacing_file
    path = folder / "cat/old.jpg" if of_file else folder

    def fail():
        with disk_errors(folder), replace(path) as new:
            new.write_text("half") if of_file else write_files(new, {"dog/new.jpg": b"new"})
            raise error

    with pytest.raises(raised, match=said):
        fail()
    assert files_below(folder.parent) == {"raw/cat/old.jpg": b"old"}
    assert list(folder.parent.iterdir()) == [folder]


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


def test_a_bug_of_ours_keeps_its_traceback(tmp_path):
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "missing").read_bytes()


# --- a single file ---


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    return path


def rewrite(path, text="new"):
    with replacing_file(path) as new:
        new.write_text(text)


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard link", "symlink"])
def test_what_a_link_leads_to_stays_as_it_was(tmp_path, file, link):
    """As a file in DVC's cache, where its cache.type is a kind of link."""
    linked = tmp_path / "output.csv"
    link(file, linked)
    rewrite(linked)
    assert file.read_text() == "old"
    assert linked.read_text() == "new"
    assert not linked.is_symlink()
    linked.unlink()
    linked.symlink_to(tmp_path / "removed from the cache")
    rewrite(linked)
    assert files_below(tmp_path) == {"output.csv": b"new", "table.csv": b"old"}


def test_a_reader_finds_the_old_file_until_the_new_one_is_whole(tmp_path, file):
    with replacing_file(file) as new:
        beside = new
        new.write_text("half")
        assert new.suffix == ".csv"  # what is written knows its form by that
        assert file.read_text() == "old"
        new.write_text("whole")
    beside.write_text("half of a long one, which a killed run left")
    with replacing_file(file) as new:
        assert not new.exists()
        new.write_text("newer")
    rewrite(tmp_path / "made/file.csv")
    assert files_below(tmp_path) == {"table.csv": b"newer", "made/file.csv": b"new"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_new_file_has_the_mode_of_any_other(tmp_path, file):
    file.chmod(0o444)  # as in DVC's cache
    (tmp_path / "another").write_text("")
    rewrite(file)
    assert file.stat().st_mode == (tmp_path / "another").stat().st_mode


def test_where_it_cannot_be_written_the_file_itself_is_named(file, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(type(file), "write_text", refuse)
    with pytest.raises(UserError, match=f"^{file} cannot be read or written: Permission"):  # noqa: SIM117
        with disk_errors(file.parent):
            rewrite(file)
