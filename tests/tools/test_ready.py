"""What is said before a dvc starts that would say it less plainly."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.code import ROOT
from tools import ready
from tools.experiment import set_params
from vision.runtime.errors import UserError

MERGE = "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / ".git").mkdir()
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return folder


def said():
    with pytest.raises(UserError) as refused:
        ready.main()
    return refused.value.args


def test_half_a_lock_of_a_killed_dvc_is_cleared_away(project):
    lock = project / ".dvc/tmp/rwlock"
    lock.parent.mkdir(parents=True)
    lock.write_text('{"write": {')
    for name in ("dvc.yaml", "dvc.lock"):  # of which nothing is said
        (project / name).write_bytes((ROOT / name).read_bytes())
    ready.main()
    assert not lock.exists()


def test_a_folder_in_no_git_repository_is_told_how_to_become_one(project):
    (project / ".git").rmdir()
    done = subprocess.run(
        [sys.executable, "-m", "tools.ready"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {ready.NO_REPOSITORY}\n"
    assert "`git init && git add . && git commit -m " in done.stderr


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("../.git/HEAD", ""),
        (".git", "gitdir: elsewhere\n"),
        (".dvc/config.local", "[core]\n    no_scm = true\n"),
    ],
    ids=["of a folder above", "a worktree", "told to do without"],
)
def test_there_may_be_other_repositories_or_none_at_will(project, file, content):
    (project / ".git").rmdir()
    (project / file).parent.mkdir(exist_ok=True)
    (project / file).write_text(content)
    ready.main()


@pytest.mark.parametrize(
    "name",
    ["dvc.lock", "params.yaml", "studies/dvc.yaml", ".dvc/config", "data/external/cats.zip.dvc"],
)
def test_an_unfinished_merge_is_told_by_its_file(project, name):
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MERGE)
    (line,) = said()
    assert line.startswith(f"{name} is in the midst of a merge, with git's <<<<<<< in line 2;")
    assert f"`git checkout --ours {name}`" in line


def test_all_that_is_found_is_said_at_once(project):
    (project / ".git").rmdir()
    Path("dvc.lock").write_text(MERGE)
    Path("params.yaml").write_text(MERGE)
    assert len(said()) == 3


def test_linked_folders_are_told_where_pictures_are_taken_from_there(project):
    (project / "cats").mkdir()
    (project / "data/external").mkdir(parents=True)
    (project / "data/external/cat").symlink_to(project / "cats")
    set_params(project / "params.yaml", {"download.source": "external"})
    (line,) = said()
    assert f"data/external/cat -> {project}/cats" in line
    set_params(project / "params.yaml", {"download.source": "sample"})
    ready.main()
    set_params(project / "params.yaml", {"lr": -1})
    (line,) = said()
    assert line.startswith("params.yaml: lr = -1 is refused")
