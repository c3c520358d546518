"""Small results: written past links, and read with a plain word where they are damaged."""

import os

import pandas as pd
import pytest

from vision.runtime.errors import UserError
from vision.runtime.files import make_room, read_json, write_csv, write_json

CONFLICT = """\
{
<<<<<<< HEAD
  "accuracy": 0.9
=======
  "accuracy": 0.8
>>>>>>> another
}
"""


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard link", "symlink"])
@pytest.mark.parametrize(
    "write",
    [lambda to: write_json({"a": 1}, to), lambda to: write_csv(pd.DataFrame({"a": [1]}), to)],
    ids=["JSON", "CSV"],
)
def test_nothing_is_written_through_a_link(tmp_path, write, link):
    kept, output = tmp_path / "kept", tmp_path / "output"
    kept.write_text("as it was")
    link(kept, output)
    write(output)
    assert kept.read_text() == "as it was"
    assert output.read_text() != "as it was"


def test_json_is_read_as_it_was_written(tmp_path):
    content = {"Kätzchen": [0.1, None], "犬": {"a": True}, "only mentions a merge": "<<<<<<< HEAD"}
    write_json(content, tmp_path / "new" / "a.json")
    assert read_json(tmp_path / "new" / "a.json") == content
    make_room(tmp_path / "a/b/report.html")
    assert (tmp_path / "a/b").is_dir()


def test_json_that_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.json is missing; `dvc repro`"):
        read_json(tmp_path / "a.json")
    for content in (b"", b'{"accuracy": 0.', b"accuracy: 0.9", b"\0\0", b'{"a": "\xff\xfe"}'):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(UserError, match=r"a\.json is no JSON .*; `dvc repro` writes it anew$"):
            read_json(tmp_path / "a.json")


def test_an_unfinished_merge_is_told_with_what_to_do(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(CONFLICT)
    with pytest.raises(UserError) as refused:
        read_json(path)
    said = str(refused.value)
    assert said.startswith(f"{path} is in the midst of a merge, with git's <<<<<<< in line 2;")
    assert f"`git checkout --ours {path}`" in said


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf"^{tmp_path} is a folder, where a file"):
        make_room(tmp_path)
    for inside in ("file/a", "file/a/b"):
        with pytest.raises(UserError, match=rf"can't be written, since .*/{inside[:-2]} is no fol"):
            make_room(tmp_path / inside)
