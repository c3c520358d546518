"""Where a file may be written that somebody named."""

import pytest

from serving.places import make_room
from vision.errors import UserError


def test_the_folder_is_made(tmp_path):
    make_room(tmp_path / "a/b/report.html")
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a/b"]
    make_room(tmp_path / "a/b/report.html")


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf"^{tmp_path} is a folder, where a file"):
        make_room(tmp_path)
    for inside in ("file/a", "file/a/b"):
        with pytest.raises(UserError, match=rf"can't be written, since .*/{inside[:-2]} is no fol"):
            make_room(tmp_path / inside)
