import re
from types import SimpleNamespace

import pandas as pd
import pytest

from tests.stubs import StubProject
from tools.measure import report

# The stub's figures for the seeds 1337, 1338 and 1339: of the head 0.37, 0.38 and 0.39, of the
# fine-tuned model their squares. Mean, deviation of a sample, least and greatest. Of the baseline,
# which is no model, there are none.
SPREAD = {
    "head.accuracy": [0.38, 0.01, 0.37, 0.39],
    "head.loss": [0.62, 0.01, 0.61, 0.63],
    "finetuned.accuracy": [0.1444667, 0.0076002, 0.1369, 0.1521],
    "finetuned.loss": [0.8555333, 0.0076002, 0.8479, 0.8631],
}


def rows(said):
    """The numbers of a report's table by their metric."""
    found = re.findall(r"^(\w+\.\w+)((?: +[\d.]+){4})$", said, flags=re.MULTILINE)
    return {metric: [float(cell) for cell in cells.split()] for metric, cells in found}


def experiments(project):
    return sorted(project.dvc("exp", "list", "--all-commits", "--name-only").stdout.split())


def state(project):
    """Everything that git keeps: parameters, dvc.lock and metrics among it."""
    return {
        name: (project.folder / name).read_bytes()
        for name in project.run("git", "ls-files").stdout.split()
    }


# --- the report ---


def test_the_spread_of_each_metric_by_hand_in_the_order_of_the_file():
    metrics = pd.DataFrame({"b.loss": [1.0, 2.0, 6.0], "a.x": [1.0, 0.5, 0.0]}, index=[7, 8, 9])
    said = report(metrics)
    assert said.startswith("Seeds 7, 8, 9:\n")
    # Squared distances from the mean of 3: 4, 1 and 9, divided by one less than there are.
    assert list(rows(said).items()) == [("b.loss", [3, 2.6458, 1, 6]), ("a.x", [0.5, 0.5, 0, 1])]


# --- the command ---


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = StubProject(tmp_path_factory.mktemp("seeds") / "project")
    # dvc, which sets the seed in it, would write neither of these so.
    params = project.folder / "params.yaml"
    text = params.read_text().replace("image_size: 340", "image_size: null")
    params.write_text(text + "\n\n#   The end.\n")
    assert "image_size: null" in params.read_text()
    project.repro()
    project.commit("Run the pipeline")
    return project


@pytest.fixture(scope="module")
def spread(project):
    before = state(project)
    done = project.few("seeds", "3")
    return SimpleNamespace(
        said=done.stdout,
        before=before,
        after=state(project),
        experiments=experiments(project),
    )


def test_the_metrics_of_all_seeds_are_told_with_their_spread(spread):
    """Each is an experiment."""
    names = [re.sub("-[0-9a-f]{6}$", "", name) for name in spread.experiments]
    assert names == ["seed-1337", "seed-1338", "seed-1339"]
    assert "Seeds 1337, 1338, 1339:\n" in spread.said
    # Told to four digits.
    assert rows(spread.said) == {
        metric: pytest.approx(numbers, abs=5e-5) for metric, numbers in SPREAD.items()
    }
    assert "pictures" not in spread.said  # their count, which is no metric


def test_parameters_and_results_end_as_they_were(spread, project):
    assert spread.after == spread.before
    assert project.repro() == []


def test_another_run_replaces_its_experiments_and_trains_nothing(spread, project):
    again = project.few("seeds", "2")
    assert rows(again.stdout)["head.accuracy"] == [0.375, 0.0071, 0.37, 0.38]
    assert experiments(project) == spread.experiments
    # All of it, also the first seed's results at the end of each, is from the run cache.
    assert project.seeds_run() == [1337, 1338, 1339]


def test_a_seed_that_fails_is_told_and_the_parameters_are_restored(tmp_path):
    project = StubProject(tmp_path / "project")
    with (project.folder / "stub.py").open("a") as file:
        file.write('if params["seed"] == 1338:\n    raise SystemExit("no luck")\n')
    project.commit("Fail with one seed")
    before = (project.folder / "params.yaml").read_bytes()
    done = project.few("seeds", "3", check=False)
    assert done.returncode == 1
    assert "no luck\n" in done.stderr
    assert done.stderr.splitlines()[-1] == "error: `dvc exp run` failed; see above"
    assert "\nseed 1338, 2 of 3\n" in done.stdout
    assert (project.folder / "params.yaml").read_bytes() == before
    assert project.seeds_run() == [1337, 1338]
