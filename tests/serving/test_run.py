"""The last run: what dvc.lock records of it, and what was changed since."""

import shutil
from contextlib import chdir
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from serving.run import changed_since_run, parse, read_run
from tests.code import ROOT
from vision.params import load_params
from vision.runtime.errors import UserError

LOCK = """
stages:
  a:
    params: {params.yaml: {seed: 1, finetune: {epochs: 2}}}
    outs:
    - {path: models/a, md5: 0cc175b9c0f1b6a831c399e269772661}
    - {path: data/a, md5: f00d.dir}
  b:
    params: {params.yaml: {extract.views: 3, lr: 1e-05}}
  c: {cmd: x}
"""


def test_a_run_has_its_parameters_by_their_full_names_and_its_outputs():
    run = parse(LOCK)
    used = {"seed": 1, "finetune.epochs": 2, "extract.views": 3, "lr": 1e-5}
    assert run.parameters == used
    assert run.outputs == {"models/a": "0cc175b9c0f1b6a831c399e269772661", "data/a": "f00d.dir"}


def test_what_a_stage_used_that_is_gone_counts_for_nothing(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / "dvc.yaml").write_text("stages: {b: {cmd: x}}")
    run = read_run(tmp_path / "dvc.lock")
    assert run.parameters == {"extract.views": 3, "lr": 1e-5}
    assert run.outputs == {}
    (tmp_path / "dvc.yaml").write_text("stages: {")
    with pytest.raises(UserError, match=r"dvc\.yaml can't be read; restore it"):
        read_run(tmp_path / "dvc.lock")


def test_what_the_run_used_goes_before_what_is_there_now():
    now = load_params(ROOT / "params.yaml")
    params = parse(LOCK).params(now)
    assert (params.seed, params.lr, params.finetune.epochs) == (1, 1e-5, 2)
    assert params.finetune.batch_size == now.finetune.batch_size


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "is missing"),
        *((content, "can't be read") for content in ("", "stages", "stages: {", "a: 1")),
        ("<<<<<<< HEAD\n" + LOCK, "is in the midst of a merge.* line 1;"),
    ],
)
def test_a_lock_that_is_none_is_told_in_one_line(content, why, tmp_path):
    if content is not None:
        (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(UserError, match=rf"dvc\.lock {why}"):
        read_run(tmp_path / "dvc.lock")


# --- what was changed since ---

PIPELINE = {
    "stages": {
        "train": {"cmd": "cp code/a.py model", "deps": ["code"], "params": ["finetune.lr"]}
        | {"outs": ["model"]},
        "test": {"cmd": "cp model metrics", "deps": ["model"]}
        | {"metrics": [{"metrics": {"cache": False}}]},
    }
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small pipeline after its run."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "code").mkdir()
    (folder / "code/a.py").write_text("a")
    (folder / "params.yaml").write_text("finetune: {lr: 1}")
    YAML().dump(PIPELINE, folder / "dvc.yaml")
    with chdir(folder), Repo.init(no_scm=True) as repo:
        repo.reproduce()
    return folder


def write(path, content):
    return lambda: Path(path).write_text(content)


def train_alone():
    Path("code/a.py").write_text("b")
    with Repo() as repo:
        repo.reproduce("train", single_item=True)


def give_another_command():
    path = Path("dvc.yaml")
    path.write_text(path.read_text().replace("cp model", "cp -f model"))


CHANGES = {
    "nothing": (lambda: None, []),
    "code": (write("code/a.py", "b"), ["code"]),
    "more code": (write("code/b.py", "b"), ["code"]),
    "a parameter": (write("params.yaml", "finetune: {lr: 2}"), ["finetune.lr"]),
    "one that no stage uses": (write("params.yaml", "finetune: {lr: 1, epochs: 2}"), []),
    "a metric": (write("metrics", "b"), ["metrics"]),
    "a model": (lambda: (Path("model").unlink(), write("model", "b")()), ["model"]),
    "what a stage read": (train_alone, ["model"]),
    "a command": (give_another_command, ["dvc.yaml: test"]),
    # What `dvc checkout` or `dvc pull` would bring.
    "a missing file": (lambda: Path("model").unlink(), []),
    "the cache": (lambda: shutil.rmtree(".dvc/cache"), []),
}


@pytest.mark.parametrize(("change", "found"), CHANGES.values(), ids=CHANGES)
def test_what_was_changed_since_the_run_is_named(change, found, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(shutil.copytree(finished, tmp_path / "copy"))
    change()
    assert changed_since_run() == found


def test_where_dvc_cannot_tell_that_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^dvc can't tell whether"):
        changed_since_run()
