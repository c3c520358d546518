"""Experiments as docs/experiments.md tells them, through the commands that people type.

Most run in projects whose stages do no work; what needs real ones runs on a small set.
"""

import io
import json
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
from moto.server import ThreadedMotoServer
from PIL import Image
from ruamel.yaml import YAML

from tests.code import ROOT
from tests.files import files_below, write_zip
from tests.pipeline.conftest import STAGES, Project, stages_run
from tests.pipeline.test_contract import STAGES as DECLARED
from tests.pipeline.test_contract import outputs
from vision.params import load_params

# What a stage that does no work writes follows from what dvc.yaml declares that it reads. Metrics
# and tables have the form of real ones; the best learning rate is 3e-5, the best fine-tuning long.
STUB = """
import hashlib, json, math, sys
from functools import reduce
from pathlib import Path
from ruamel.yaml import YAML

stage, *outputs = sys.argv[1:]
params = YAML(typ="safe").load(Path("params.yaml"))
declared = YAML(typ="safe").load(Path("dvc.yaml"))["stages"][stage]
used = [reduce(dict.get, name.split("."), params) for name in declared["params"]]
digest = hashlib.sha256(json.dumps(used).encode())
for path in map(Path, declared["deps"]):
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and file.suffix != ".dvc":
            digest.update(str(file).encode() + file.read_bytes())

weights = params["backbone"]["weights"]
if stage == "extract" and "/" in weights and not Path(weights).exists():
    sys.exit(f"error: {weights} is missing")
if stage == "finetune" and params["lr"] == 0:
    sys.exit("error: lr is 0")

epochs = {"head": params["train_head"]["epochs"], "finetuned": params["finetune"]["epochs"]}
accuracy = {
    "head": 0.9 - abs(params["train_head"]["dropout"] - 0.2) / 10,
    "finetuned": 0.95 - abs(math.log10(params["lr"] / 3e-5)) / 50 - 0.01 / epochs["finetuned"]
    if params["lr"]
    else 0,
}
measures = ("accuracy", "accuracy_low", "accuracy_high", "loss", "roc_auc", "precision", "recall")
columns = {
    "roc": "false_positive_rate,true_positive_rate",
    "precision_recall": "recall,precision",
    "reliability": "confidence,accuracy",
    "confusion": "actual,predicted",
}


def content(file):
    model = "head" if "head" in file.name else "finetuned"
    figure = accuracy[model]
    if file.name == "evaluate.json":
        each = {name: dict.fromkeys(measures, figure) for name, figure in accuracy.items()}
        return json.dumps({"pictures": 20} | each)
    if file.name == "subset.json":
        splits = ("train", "validation", "test", "left_out")
        return json.dumps(dict.fromkeys(splits, {"cat": 10, "dog": 10}))
    if file.name == "calibration.json":
        sets = {name: {"loss": 1 - figure} for name in ("validation", "test")}
        return json.dumps({"temperature": 2 - figure, "unsure_below": 0.8} | sets)
    if file.parent.name == "metrics":
        measured = {"epochs": epochs[model], "validation_loss": 1 - figure}
        of_blocks = {"blocks": {"block7a": measured}} if file.name == "finetune.json" else {}
        return json.dumps(measured | of_blocks)
    for kind, names in columns.items():
        if file.stem.endswith(f"{model}_{kind}"):
            return f"{names}\\n0,0\\n{figure},{figure}\\n"
    if file.parent.name == "plots" and file.suffix == ".csv":
        names = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy"
        rows = [f"{n},0.5,0.5,0.5,{figure * n / epochs[model]}" for n in range(epochs[model] + 1)]
        return "\\n".join([names, *rows])
    return digest.hexdigest()


for output in map(Path, outputs):
    file = output if output.suffix else output / "content"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content(file))
"""
LR = load_params(ROOT / "params.yaml").lr
GRID = {(lr, epochs) for lr in (1e-5, 3e-5, 1e-4) for epochs in (2, 4)}


def with_stubs(project: Project, *real: str) -> Project:
    """Let no stage of a project do work, but for those named; run and commit it."""
    path = project.folder / "dvc.yaml"
    pipeline = YAML(typ="safe").load(path)
    for name, stage in pipeline["stages"].items():
        if name not in real:
            stage["cmd"] = f"python stub.py {name} {' '.join(outputs(stage))}"
    YAML().dump(pipeline, path)
    (project.folder / "stub.py").write_text(STUB)
    assert project.repro() == STAGES
    project.commit("Run the pipeline")
    project.run("git", "branch", "-M", "main")
    return project


class Copy(Project):
    def __init__(self, project: Project, folder: Path):
        shutil.copytree(project.folder, folder)
        self.folder = folder


class Clone(Project):
    """What a colleague gets with `git clone`."""

    def __init__(self, origin: Path, folder: Path, *options: str):
        self.folder = folder.parent
        self.run("git", "clone", "--quiet", *options, str(origin), folder.name)
        self.folder = folder


@pytest.fixture(scope="module")
def finished(new_project):
    """A finished and committed run of stages that do no work. Tests take copies."""
    return with_stubs(new_project(finetune__epochs=4))


def status(project):
    """What git finds changed."""
    return project.run("git", "status", "--porcelain").stdout


def state(project):
    """Everything that git keeps, and every output."""
    files = project.run("git", "ls-files").stdout.split()
    found = {name: (project.folder / name).read_bytes() for name in files}
    for name in (name for stage in DECLARED.values() for name in outputs(stage)):
        path = project.folder / name
        inside = files_below(path) if path.is_dir() else {"": path.read_bytes()}
        found |= {f"{name}/{file}": content for file, content in inside.items()}
    return found


def experiments(project, *options):
    """Experiments by their name, as `dvc exp show` knows them."""
    shown = json.loads(project.dvc("exp", "show", "--json", *options).stdout)
    found = [experiment for commit in shown for experiment in commit["experiments"] or []]
    return {experiment["name"]: experiment["revs"][0]["data"] for experiment in found}


def parameters(data):
    return data["params"]["params.yaml"]["data"]


def metrics(data):
    return data["metrics"]["metrics/evaluate.json"]["data"]


def has_nothing_to_do(project):
    finished = project.dvc("repro")
    return stages_run(finished.stdout) == [] and "up to date" in finished.stdout


# --- one experiment ---


@pytest.fixture(scope="module")
def real(two_classes, tmp_path_factory):
    """A copy of the finished run, with an experiment run in a temporary folder."""
    project = Clone(two_classes.folder, tmp_path_factory.mktemp("real") / "project")
    # Without its run cache, from which an experiment would be taken that ran there.
    shutil.copytree(two_classes.folder / ".dvc/cache/files", project.folder / ".dvc/cache/files")
    project.dvc("checkout")
    project.before = state(project)
    project.temporary = project.dvc("exp", "run", "--temp", "-n", "slow", "-S", "lr=1e-5")
    return project


def test_a_temporary_experiment_runs_the_real_stages_and_leaves_the_workspace_alone(real):
    assert stages_run(real.temporary.stdout) == ["finetune", "evaluate", "calibrate"]
    assert status(real) == ""
    assert state(real) == real.before
    (slow,) = experiments(real).values()
    assert parameters(slow)["lr"] == 1e-5
    before = real.read_json("metrics/evaluate.json")
    assert metrics(slow)["head"] == before["head"]
    assert metrics(slow)["finetuned"]["loss"] != before["finetuned"]["loss"]


@pytest.fixture(scope="module")
def slow(finished, tmp_path_factory):
    """A project with the experiment `slow`, and the branch `short`, of a run with 2 epochs."""
    folder = tmp_path_factory.mktemp("slow")
    project = Copy(finished, folder / "project")
    # Before the experiment: what DVC pushes goes where its own commit says.
    project.dvc("remote", "add", "--default", "storage", str(folder / "storage"))
    project.commit("Share results")
    project.run("git", "checkout", "--quiet", "-b", "short")
    project.set(finetune__epochs=2)
    project.repro()
    project.commit("Train for 2 epochs")
    project.run("git", "checkout", "--quiet", "main")
    project.dvc("checkout")
    project.dvc("exp", "run", "--temp", "-n", "slow", "-S", "lr=1e-5")
    return project


@pytest.fixture
def undone(slow):
    """Goes back to the commit after the test."""
    yield
    slow.run("git", "reset", "--quiet", "--hard", "main")
    slow.dvc("checkout")


@pytest.mark.usefixtures("undone")
def test_an_applied_experiment_is_the_workspace(slow):
    slow.dvc("exp", "apply", "slow")
    assert "lr: 1e-05" in (slow.folder / "params.yaml").read_text()
    on_disk = slow.read_json("metrics/evaluate.json")
    assert on_disk == metrics(experiments(slow)["slow"])
    assert has_nothing_to_do(slow)
    assert {line[3:].split("/")[0] for line in status(slow).splitlines()} == {
        "dvc.lock",
        "metrics",
        "params.yaml",
        "plots",
    }


@pytest.mark.usefixtures("undone")
def test_an_experiment_becomes_a_branch(slow):
    slow.dvc("exp", "branch", "slow", "gentle")
    slow.run("git", "checkout", "--quiet", "gentle")
    try:
        slow.dvc("checkout")
        assert has_nothing_to_do(slow)
        assert status(slow) == ""
        assert "lr: 1e-05" in (slow.folder / "params.yaml").read_text()
    finally:
        slow.run("git", "checkout", "--quiet", "main")


def test_two_experiments_differ_in_what_was_changed_and_what_follows(slow):
    diff = json.loads(slow.dvc("exp", "diff", "main", "slow", "--json").stdout)
    assert diff["params"] == {
        "params.yaml": {"lr": {"old": LR, "new": 1e-5, "diff": pytest.approx(1e-5 - LR)}}
    }
    assert set(diff["metrics"]) == {
        f"metrics/{name}.json" for name in ("calibration", "evaluate", "finetune")
    }
    assert all(name.startswith("finetuned.") for name in diff["metrics"]["metrics/evaluate.json"])
    shown = slow.dvc("exp", "diff", "main", "slow").stdout
    for cells in (f"params.yaml lr {LR} 1e-05", "metrics/evaluate.json finetuned.accuracy"):
        assert cells in re.sub(" +", " ", shown)


# Each pair: the change of the accuracy that the stub gives.
PAIRS = {
    ("main", "short"): -0.01 / 2 + 0.01 / 4,
    ("short", "main"): 0.01 / 2 - 0.01 / 4,
    ("short~1", "short"): -0.01 / 2 + 0.01 / 4,
    ("main", "slow"): (np.log10(LR / 3e-5) - np.log10(3e-5 / 1e-5)) / 50,
}


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_metrics_are_compared_across_commits_branches_and_experiments(slow, a, b):
    header, *rows = (line.split() for line in slow.dvc("metrics", "diff", a, b).stdout.splitlines())
    assert header == ["Path", "Metric", a, b, "Change"]
    (row,) = (row[2:] for row in rows if row[1] == "finetuned.accuracy")
    before, after, change = map(float, row)
    # Told to five digits.
    assert change == pytest.approx(PAIRS[a, b], abs=1e-5)
    assert after - before == pytest.approx(PAIRS[a, b], abs=1e-5)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_plots_are_compared_across_commits_branches_and_experiments(slow, a, b):
    slow.dvc("plots", "diff", a, b)
    page = (slow.folder / "dvc_plots/index.html").read_text()
    assert set(re.findall(r'"rev": "([^"]*)"', page)) == {a, b}
    for title in ("ROC", "Reliability", "Loss while fine-tuning", "Confusion of the head"):
        assert title in page
    for figure in (f"{a}_plots_samples.png", f"{b}_plots_samples.png"):
        assert f"static/{figure}" in page
        assert (slow.folder / "dvc_plots/static" / figure).exists()


# --- a recipe of the literature ---


def test_a_recipe_is_an_experiment_with_its_name_and_parameters(finished, tmp_path):
    project = Copy(finished, tmp_path / "project")
    arguments = ("book-2nd-edition", "--backbone", "efficientnet_lite0", "--weights", "random")
    for _ in range(2):  # once more, it replaces itself
        done = project.run(
            "python", "-m", "tools.recipe", *arguments, env={"PYTHONPATH": str(ROOT)}
        )
        assert done.stdout.startswith("dvc exp run --name book-2nd-edition-efficientnet_lite0 ")
    found = experiments(project)
    assert list(found) == ["book-2nd-edition-efficientnet_lite0"]
    params = parameters(*found.values())
    recipe = YAML(typ="safe", pure=True).load(ROOT / "recipes/book-2nd-edition.yaml")
    recipe["backbone"] |= {"name": "efficientnet_lite0", "weights": "random"}
    recipe["finetune"]["unfreeze_from"] = "block6a"
    assert params["lr"] == recipe.pop("lr")
    for section, values in recipe.items():
        assert params[section] == params[section] | values
    # Drawn pictures: as many as it takes.
    assert params["download"]["source"] == "sample"
    assert params["download"]["sample_pictures"] == 2500


# --- a grid in the queue ---


def processes(project):
    """Processes that work in the project's folder: those that its queue has started."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(project.folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            pass
    return found


def finish(project):
    """Wait until nothing in the queue waits or runs; give its last state, a line a task."""
    deadline = time.monotonic() + 180  # some 25 seconds where nothing else runs
    while time.monotonic() < deadline:
        lines = project.dvc("queue", "status").stdout.splitlines()
        if not any("Queued" in line or "Running" in line for line in lines):
            return dict(re.findall(r"^\w{7} +(\S+) .*?(\w+) *$", "\n".join(lines), re.MULTILINE))
        time.sleep(2)  # asking takes a core for most of a second
    raise AssertionError("\n".join(lines))


@pytest.fixture(scope="module")
def grid(finished, tmp_path_factory):
    """The grid of docs/experiments.md, and an experiment that fails, two at once."""
    project = Copy(finished, tmp_path_factory.mktemp("grid") / "project")
    project.before = state(project)
    project.dvc("exp", "run", "--queue", "-S", "lr=1e-5,3e-5,1e-4", "-S", "finetune.epochs=2,4")
    project.dvc("exp", "run", "--queue", "-n", "failing", "-S", "lr=0")
    try:
        project.dvc("queue", "start", "-j", "2")
        project.finished = finish(project)
    finally:
        project.dvc("queue", "stop", "--kill")
        _, alive = psutil.wait_procs(processes(project), timeout=30)
        for process in alive:
            process.kill()
    assert not alive
    return project


def test_every_combination_of_a_grid_is_run(grid):
    states = list(grid.finished.values())
    assert (states.count("Success"), states.count("Failed"), len(states)) == (6, 1, 7)
    found = experiments(grid, "--hide-failed")
    combinations = [
        (parameters(data)["lr"], parameters(data)["finetune"]["epochs"]) for data in found.values()
    ]
    assert len(combinations) == len(GRID)
    assert set(combinations) == GRID
    assert len({metrics(data)["finetuned"]["accuracy"] for data in found.values()}) == len(GRID)


def test_the_queue_leaves_the_workspace_alone(grid):
    assert status(grid) == ""
    assert state(grid) == grid.before


def test_the_queue_tells_why_an_experiment_failed(grid):
    assert grid.finished["failing"] == "Failed"
    assert "error: lr is 0" in grid.dvc("queue", "logs", "failing").stdout


def test_the_table_of_experiments_fits_a_screen_and_leads_with_the_figures_that_matter(grid):
    shutil.copy(ROOT / "Makefile", grid.folder)
    shown = grid.run(
        # As if the environment were installed here.
        *("make", "--assume-old=.venv/.installed", "experiments"),
        env={"COLUMNS": "100"},
    ).stdout
    (grid.folder / "Makefile").unlink()
    assert max(map(len, shown.splitlines())) <= 100
    assert "…" not in shown
    table, _, queue = shown.partition("Task ")
    header, *rows = [line.split() for line in table.splitlines() if line.startswith("  ")]
    assert header == ["Experiment", "head.accuracy", "finetuned.accuracy", "lr", "finetune.epochs"]
    assert [row[0] for row in rows[:2]] == ["workspace", "main"]
    assert {(float(row[-2]), int(row[-1])) for row in rows[2:]} == GRID
    accuracies = [float(row[-3]) for row in rows[2:]]
    assert accuracies == sorted(accuracies, reverse=True)
    # It has the metrics of the commit, which are not its own.
    assert "failing" not in table
    assert re.search(r"failing .* Failed", queue)


def test_experiments_and_the_queue_are_cleaned_up(grid, tmp_path):
    project = Copy(grid, tmp_path / "project")
    project.dvc("exp", "run", "--queue", "-n", "waiting", "-S", "lr=5e-5")
    project.dvc("queue", "remove", "--all")
    assert "No experiment tasks in the queue" in project.dvc("queue", "status").stdout
    names = set(experiments(project))
    assert len(names) == len(GRID)
    one = names.pop()
    project.dvc("exp", "remove", one)
    assert set(experiments(project)) == names


# --- what a copy sees ---


def pictures():
    """The content of an archive: pictures of two classes."""
    members = {}
    for number, name in enumerate(f"{label}/{n}.png" for label in ("cat", "dog") for n in range(4)):
        content = io.BytesIO()
        Image.new("RGB", (20, 20), (30 * number, 0, 0)).save(content, "PNG")
        members[name] = content.getvalue()
    return members


@pytest.fixture(scope="module")
def own_files(new_project):
    """A project with an archive of pictures and a file of weights, which DVC has just got."""
    small = {"subset__train": 2, "subset__validation": 1, "subset__test": 1}
    project = new_project(download__source="external", **small)
    write_zip(project.folder / "data/external/pictures.zip", pictures())
    (project.folder / "data/weights/own.h5").write_bytes(b"weights")
    with_stubs(project, "download", "subset")
    project.dvc("add", "data/external/pictures.zip", "data/weights/own.h5")
    return project


def test_a_temporary_experiment_sees_what_git_and_dvc_track(own_files):
    own = ("-S", "download.sample_pictures=5", "-S", "backbone.weights=data/weights/own.h5")
    untracked = own_files.dvc("exp", "run", "--temp", *own, check=False)
    assert untracked.returncode != 0
    assert "data/external is empty" in untracked.stderr

    own_files.run("git", "add", "data/external/pictures.zip.dvc", "data/weights/own.h5.dvc")
    tracked = own_files.dvc("exp", "run", "--temp", *own)
    assert {"download", "extract"} <= set(stages_run(tracked.stdout))
    assert "data/raw/cat: 4 pictures" in tracked.stdout
    assert set(status(own_files).splitlines()) == {
        "A  data/external/pictures.zip.dvc",
        "A  data/weights/own.h5.dvc",
    }


def test_files_that_dvc_got_are_read_once_more_at_most(own_files):
    """DVC's own file lies in the folder that a stage depends on, but changes no result."""
    assert own_files.repro() == ["download", "extract", "extract_views", "train_head"]
    assert has_nothing_to_do(own_files)


# --- sharing ---


def test_a_clone_has_every_result_with_a_pull_from_a_directory(real, tmp_path):
    real.dvc("remote", "add", "--default", "storage", str(tmp_path / "storage"))
    real.commit("Share results")
    real.dvc("push")
    clone = Clone(real.folder, tmp_path / "clone")
    clone.dvc("pull")
    assert has_nothing_to_do(clone)
    assert state(clone) == state(real)
    assert status(clone) == ""


@pytest.fixture
def s3(monkeypatch, tmp_path):
    """A server on this machine that speaks S3, with an empty bucket; gives its address."""
    # Nothing of the user's own settings, and no way out of this machine.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "nothing").touch()
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    url = "http://{}:{}".format(*running.get_host_and_port())
    requests.put(f"{url}/bucket", timeout=10).raise_for_status()
    yield url
    running.stop()


def test_a_clone_has_every_result_with_a_pull_from_s3(finished, s3, tmp_path):
    project = Copy(finished, tmp_path / "project")
    project.dvc("remote", "add", "--default", "storage", "s3://bucket/project")
    project.commit("Share results")
    project.dvc("remote", "modify", "--local", "storage", "endpointurl", s3)
    project.dvc("push")
    clone = Clone(project.folder, tmp_path / "clone")
    clone.dvc("remote", "modify", "--local", "storage", "endpointurl", s3)
    clone.dvc("pull")
    assert has_nothing_to_do(clone)
    assert state(clone) == state(project)
    assert status(clone) == ""


def test_an_experiment_is_shared_through_git_and_the_remote(slow, tmp_path):
    slow.run("git", "init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    slow.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    slow.run("git", "push", "--quiet", "origin", "main")
    assert "files uploaded" in slow.dvc("exp", "push", "origin", "slow").stdout
    clone = Clone(tmp_path / "origin.git", tmp_path / "clone", "--branch", "main")
    assert "slow" in clone.dvc("exp", "list", "origin").stdout
    clone.dvc("exp", "pull", "origin", "slow")
    clone.dvc("exp", "apply", "slow")
    assert "lr: 1e-05" in (clone.folder / "params.yaml").read_text()
    assert has_nothing_to_do(clone)
