"""Experiments as docs/how-to/run-experiments.md tells them, through the commands that people type.

In projects whose stages do no work, but for those that read the user's files.
"""

import io
import json
import re
import time
from itertools import product

import pytest
from PIL import Image
from ruamel.yaml import YAML

from tests.code import ROOT
from tests.files import write_zip
from tests.pipeline.conftest import clone_of, stages_run
from tests.stubs import StubProject
from vision.params import load_params

OUTPUT = "data/predictions.csv"
GRID = set(product((1, 2), (1e-5, 3e-5)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished and committed run. Tests take copies."""
    project = StubProject(tmp_path_factory.mktemp("finished") / "project")
    assert project.repro() == ["evaluate"]
    project.commit("Run the pipeline")
    project.run("git", "branch", "-M", "main")
    return project


def status(project):
    """What git finds changed."""
    return project.run("git", "status", "--porcelain").stdout


def state(project):
    """Everything that git keeps, and every output."""
    files = project.run("git", "ls-files").stdout.split()
    return {name: (project.folder / name).read_bytes() for name in (*files, OUTPUT)}


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
def lucky(finished, tmp_path_factory):
    """A project with the branch `again`, of a run with another seed, and the experiment `lucky`.

    That ran in a temporary folder, and left the workspace alone.
    """
    folder = tmp_path_factory.mktemp("lucky")
    project = finished.copy_to(folder / "project")
    # Before the experiment: what DVC pushes goes where its own commit says.
    project.dvc("remote", "add", "--default", "storage", str(folder / "storage"))
    project.commit("Share results")
    project.run("git", "checkout", "--quiet", "-b", "again")
    project.set(seed=1338)
    project.repro()
    project.commit("Run again")
    project.run("git", "checkout", "--quiet", "main")
    project.dvc("checkout")
    before = state(project)
    said = project.dvc("exp", "run", "--temp", "-n", "lucky", "-S", "seed=1399").stdout
    assert stages_run(said) == ["evaluate"]
    assert status(project) == ""
    assert state(project) == before
    return project


def test_an_experiment_becomes_the_workspace_or_a_branch(lucky, tmp_path):
    project = lucky.copy_to(tmp_path / "project")
    project.dvc("exp", "apply", "lucky")
    assert load_params(project.folder / "params.yaml").seed == 1399
    assert project.read_json("metrics/evaluate.json") == metrics(experiments(project)["lucky"])
    assert has_nothing_to_do(project)
    changed = {line[3:].split("/")[0] for line in status(project).splitlines()}
    assert changed == {"dvc.lock", "metrics", "params.yaml", "plots"}

    project.run("git", "reset", "--quiet", "--hard")
    project.dvc("exp", "branch", "lucky", "kept")
    project.run("git", "checkout", "--quiet", "kept")
    project.dvc("checkout")
    assert has_nothing_to_do(project)
    assert status(project) == ""
    assert load_params(project.folder / "params.yaml").seed == 1399


def test_two_experiments_differ_in_what_was_changed_and_what_follows(lucky):
    diff = json.loads(lucky.dvc("exp", "diff", "main", "lucky", "--json").stdout)
    assert diff["params"] == {"params.yaml": {"seed": {"old": 1337, "new": 1399, "diff": 62}}}
    assert set(diff["metrics"]) == {"metrics/evaluate.json"}
    shown = lucky.dvc("exp", "diff", "main", "lucky").stdout
    for cells in ("params.yaml seed 1337 1399", "metrics/evaluate.json head.accuracy 0.37 0.99"):
        assert cells in re.sub(" +", " ", shown)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [("again~1", "again", [0.37, 0.38, 0.01]), ("main", "lucky", [0.37, 0.99, 0.62])],
)
def test_metrics_and_plots_are_compared_across_commits_branches_and_experiments(
    lucky, a, b, expected
):
    header, *rows = (
        line.split() for line in lucky.dvc("metrics", "diff", a, b).stdout.splitlines()
    )
    assert header == ["Path", "Metric", a, b, "Change"]
    (row,) = (row[2:] for row in rows if row[1] == "head.accuracy")
    assert [float(cell) for cell in row] == pytest.approx(expected)
    # A name has no difference.
    renamed = [row[2:] for row in rows if row[1] == "baseline.class"]
    assert renamed == ([["b", "a", "-"]] if b == "again" else [])
    lucky.dvc("plots", "diff", a, b)
    page = (lucky.folder / "dvc_plots/index.html").read_text()
    assert set(re.findall(r'"rev": "([^"]*)"', page)) == {a, b}


# --- a recipe of the literature ---


def test_a_recipe_is_an_experiment_with_its_name_and_parameters(finished, tmp_path):
    project = finished.copy_to(tmp_path / "project")
    arguments = ("book-2nd-edition", "--backbone", "efficientnet_lite0", "--weights", "random")
    done = project.run("python", "-m", "few", "recipe", *arguments, env={"PYTHONPATH": str(ROOT)})
    assert done.stdout.startswith("$ dvc exp run --name book-2nd-edition-efficientnet_lite0 ")
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
    """A grid as in docs/how-to/run-experiments.md, and an experiment that fails, two at once."""
    project = finished.copy_to(tmp_path_factory.mktemp("grid") / "project")
    project.before = state(project)
    project.dvc("exp", "run", "--queue", "-S", "seed=1,2", "-S", "lr=1e-5,3e-5")
    project.dvc("exp", "run", "--queue", "-n", "failing", "-S", "lr=0")
    try:
        project.dvc("queue", "start", "-j", "2")
        project.finished = finish(project)
    finally:
        project.stop_queue()
    return project


def test_every_combination_of_a_grid_is_run_and_the_workspace_left_alone(grid):
    assert sorted(grid.finished.values()) == ["Failed"] + ["Success"] * len(GRID)
    found = experiments(grid, "--hide-failed").values()
    assert sorted((parameters(data)["seed"], parameters(data)["lr"]) for data in found) == sorted(
        GRID
    )
    assert {metrics(data)["head"]["accuracy"] for data in found} == {0.01, 0.02}
    assert status(grid) == ""
    assert state(grid) == grid.before


def test_the_queue_tells_why_an_experiment_failed(grid):
    assert grid.finished["failing"] == "Failed"
    assert "error: lr is 0" in grid.dvc("queue", "logs", "failing").stdout


def test_the_table_of_experiments_fits_a_screen_and_leads_with_the_figures_that_matter(grid):
    shown = grid.run("python", "-m", "few", "experiments", env={"COLUMNS": "100"}).stdout
    assert max(map(len, shown.splitlines())) <= 100
    assert "…" not in shown
    table, _, queue = shown.partition("Task ")
    header, *rows = [line.split() for line in table.splitlines() if line.startswith("  ")]
    assert header == ["Experiment", "head.accuracy", "finetuned.accuracy", "seed", "lr"]
    assert [row[0] for row in rows[:2]] == ["workspace", "main"]
    assert {(int(row[-2]), float(row[-1])) for row in rows[2:]} == GRID
    accuracies = [float(row[-3]) for row in rows[2:]]
    assert accuracies == sorted(accuracies, reverse=True)
    # It has the metrics of the commit, which are not its own.
    assert "failing" not in table
    assert re.search(r"failing .* Failed", queue)


def test_experiments_and_the_queue_are_cleaned_up(grid, tmp_path):
    project = grid.copy_to(tmp_path / "project")
    project.dvc("exp", "run", "--queue", "-n", "waiting", "-S", "lr=5e-5")
    project.dvc("queue", "remove", "--all")
    assert "No experiment tasks in the queue" in project.dvc("queue", "status").stdout
    names = set(experiments(project))
    assert len(names) == len(GRID)
    one = names.pop()
    project.dvc("exp", "remove", one)
    assert set(experiments(project)) == names
    told = project.dvc("gc", "--all-branches", "--all-experiments", "--dry").stdout
    assert re.search(r"Removed \d+ objects from repo cache", told)


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
    project.let_stages_do_no_work(content="same", real=["download", "subset"])
    pipeline = project.folder / "dvc.yaml"
    looking = "test -f data/weights/own.h5 && python workless.py same data/features"
    pipeline.write_text(
        pipeline.read_text().replace("python workless.py same data/features", looking)
    )
    project.repro()
    project.commit("Run the pipeline")
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


def share(project, tmp_path, url, *setting):
    """Push what a project has to a remote, and pull it into a clone."""
    project.dvc("remote", "add", "--default", "storage", url)
    project.commit("Share results")
    clone = clone_of(project.folder, tmp_path / "clone")
    for each, command in ((project, "push"), (clone, "pull")):
        if setting:
            each.dvc("remote", "modify", "--local", "storage", *setting)
        each.dvc(command)
    assert has_nothing_to_do(clone)
    assert state(clone) == state(project)
    assert status(clone) == ""


def test_a_clone_has_every_result_with_a_pull_from_a_directory(finished, tmp_path):
    share(finished.copy_to(tmp_path / "project"), tmp_path, str(tmp_path / "storage"))


def test_a_clone_has_every_result_with_a_pull_from_s3(finished, s3, tmp_path):
    project = finished.copy_to(tmp_path / "project")
    share(project, tmp_path, "s3://bucket/project", "endpointurl", s3)


def test_an_experiment_is_shared_through_git_and_the_remote(lucky, tmp_path):
    lucky.run("git", "init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    lucky.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    lucky.run("git", "push", "--quiet", "origin", "main")
    assert "1 file uploaded" in lucky.dvc("exp", "push", "origin", "lucky").stdout
    clone = clone_of(tmp_path / "origin.git", tmp_path / "clone", "--branch", "main")
    assert "lucky" in clone.dvc("exp", "list", "origin").stdout
    clone.dvc("exp", "pull", "origin", "lucky")
    clone.dvc("exp", "apply", "lucky")
    assert load_params(clone.folder / "params.yaml").seed == 1399
    assert has_nothing_to_do(clone)
