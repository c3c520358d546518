"""The pages of docs/how-to/, followed block by block; test_tutorial.py follows that on the model.

In projects whose stages, but for the first, put what a small run wrote in place of their work. A
comment before a block, which readers don't see, says where it is typed, or why it is not run here.
"""

import re
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests import tableware
from tests.code import ROOT
from tests.pipeline.conftest import clone_of
from tests.pipeline.test_contract import outputs

pytestmark = pytest.mark.long

HOW_TO = ROOT / "docs/how-to"
BLOCK = re.compile(r"(?:^<!-- ([^>]*) -->\n+)?^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_CLONE = "in the clone"
NOT_RUN = "not run by a test: "

REPLAY = """
import shutil, sys
from pathlib import Path

for name in sys.argv[2:]:
    written, path = Path(sys.argv[1], name), Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if written.is_dir() else shutil.copyfile)(written, path)
"""


@pytest.fixture(scope="module")
def trained(two_classes, tmp_path_factory):
    """A project after `few train` and a commit, with what the pages speak of. Tests take copies."""
    home = tmp_path_factory.mktemp("home")
    pets = home / "Pictures/pets"
    shutil.copytree(two_classes.folder / "data/raw", pets)
    shutil.make_archive(str(pets), "zip", pets)
    project = two_classes.copy_to(tmp_path_factory.mktemp("trained") / "project", home=home)
    (project.folder / "replay.py").write_text(REPLAY)
    yaml, pipeline = YAML(), project.folder / "dvc.yaml"
    declared = yaml.load(pipeline)
    for name, stage in declared["stages"].items():
        if name != "download":
            stage["cmd"] = f"python replay.py {two_classes.folder} {' '.join(outputs(stage))}"
    yaml.dump(declared, pipeline)
    project.add_pipeline("studies")
    project.let_stages_do_no_work("studies/dvc.yaml", content="same")
    project.run("git", "branch", "-M", "main")
    project.run("git", "config", "user.name", "A")
    project.run("git", "config", "user.email", "a@b")
    project.type(f"few train {pets}.zip", HOME=str(home))
    project.commit("Train on pets")
    return project


@pytest.fixture
def project(trained, tmp_path):
    """One to change, which came as a clone of another repository."""
    project = trained.copy_to(tmp_path / "project")
    origin = str(tmp_path / "origin.git")
    project.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", origin)
    project.run("git", "remote", "add", "origin", origin)
    return project


def follow(page, project, then=None, **elsewhere):
    """Type what a page has, and tell what each line said.

    Parameters
    ----------
    then : of a line, what is done after it.
    elsewhere : the address or path here of one there.
    """
    said, clone = {}, None
    for comment, block in BLOCK.findall((HOW_TO / page).read_text()):
        if comment.startswith(NOT_RUN):
            continue
        if comment == IN_CLONE and clone is None:
            clone = clone_of(project.folder.parent / "origin.git", project.folder.parent / "clone")
        for line in block.splitlines():
            typed = line
            for there, here in elsewhere.items():
                typed = typed.replace(there, here)
            place = clone if comment == IN_CLONE else project
            said[line] = place.type(typed, HOME=str(project.home))
            (then or {}).get(line, lambda: None)()
    return said


def test_comments_say_where_a_block_is_typed_or_why_not():
    for page in HOW_TO.glob("*.md"):
        for comment, _ in BLOCK.findall(page.read_text()):
            assert comment in ("", IN_CLONE) or comment.startswith(NOT_RUN), page


def test_install(project):
    follow("install.md", project)


def test_bring_pictures(project):
    follow("bring-pictures.md", project)


def test_your_data_as_it_is(project):
    birds = project.home / "Pictures/birds"
    rows = ["file,label,split,patient,species,owl,robin"]
    for number in range(16):
        place = birds / "images" / ("tawny", "red")[number % 2] / "tom"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.jpg").write_bytes(str(number).encode())
        name = ("owl", "robin")[number % 2]
        split = ("train", "train", "test")[number % 3]
        rows.append(f"{number},{name},{split},p{number},{name}s,{1 - number % 2},{number % 2}")
    (birds / "labels.csv").write_text("\n".join(rows))
    unsorted = project.home / "Pictures/unsorted"
    unsorted.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        tableware.draw(("bowl", "mug")[number % 2], rng).save(unsorted / f"{number}.png")
    said = list(follow("your-data-as-it-is.md", project).values())
    assert "others have split these pictures: train 11, test 5; that stays so" in said[0]
    assert "label: owl, robin" in said[2]
    assert "the splits of others are put together" in said[4]
    raw = {path.name for path in (project.folder / "data/raw").iterdir()}
    assert raw == {"tawny", "red"}
    assert "tawny/0.jpg,,tom,tom," in (project.folder / "data/pictures.csv").read_text()
    assert "write a class beside each of 6 groups" in said[-1]
    assert (project.folder / "sorted/1.png").exists()


def test_few_pictures(project):
    said = follow("few-pictures.md", project)
    assert "+0.00" in said["few compare HEAD workspace"]


def test_run_experiments(project):
    """That in the queue sees the pictures that `few train` brought in."""

    def wait():
        deadline = time.monotonic() + 180
        while "Success" not in (status := project.dvc("queue", "status").stdout):
            assert "Failed" not in status
            assert time.monotonic() < deadline, status
            time.sleep(1)
        project.stop_queue()

    (project.folder / "data/weights/mobilenet_v2.weights.h5").write_bytes(b"weights")
    try:
        follow("run-experiments.md", project, then={"dvc queue status": wait})
    finally:
        project.stop_queue()


def test_share(project, s3):
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, project.folder)
    environment = project.folder / ".venv"
    environment.mkdir()
    for path in Path(sys.prefix).iterdir():
        (environment / path.name).symlink_to(path)
    for name in (".installed", ".installed-dev"):  # which make looks at
        (environment / name).unlink(missing_ok=True)
        (environment / name).touch()
    there = {"/srv/storage": str(project.folder.parent / "storage"), "https://s3.example.org": s3}
    said = follow("share.md", project, **there)
    assert "up to date" in said["dvc repro"]
