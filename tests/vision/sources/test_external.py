import pytest

from tests.files import files_below, write_files, write_zip
from vision.errors import UserError
from vision.sources.external import write_pictures

OWN = {"README.md": b"what to put here", ".gitignore": b"/*"}


@pytest.mark.parametrize("files", [{}, OWN])
def test_an_empty_folder_is_refused_with_what_to_put_there(tmp_path, files):
    source = write_files(tmp_path / "external", files)
    with pytest.raises(UserError, match=r"external is empty; put an archive"):
        write_pictures(source, tmp_path)


def test_a_missing_folder_is_refused_like_an_empty_one(tmp_path):
    with pytest.raises(UserError, match=r"external is empty"):
        write_pictures(tmp_path / "external", tmp_path)


def test_archives_and_folders_come_together_and_what_is_left_out_is_said(tmp_path, capsys):
    source = write_files(tmp_path / "external", {**OWN, "cat/0.jpg": b"c", "cat/Thumbs.db": b""})
    write_zip(source / "dogs.zip", {"dog/0.jpg": b"d", "__MACOSX/dog/._0.jpg": b""})
    into = tmp_path / "into"
    into.mkdir()
    write_pictures(source, into)
    assert files_below(into) == {"cat/0.jpg": b"c", "dog/0.jpg": b"d"}
    assert "left out 2 files" in capsys.readouterr().out
