import re

import pytest

from tests.stubs import StubProject

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


def test_the_metrics_of_all_seeds_are_told_with_their_spread(tmp_path):
    """Each is an experiment; parameters and results end as they were."""
    project = StubProject(tmp_path / "project")
    # dvc, which sets the seed in it, would write neither of these so.
    params = project.folder / "params.yaml"
    text = params.read_text().replace("image_size: 340", "image_size: null")
    params.write_text(text + "\n\n#   The end.\n")
    project.repro()
    project.commit("Run the pipeline")
    before = state(project)
    said = project.few("seeds", "3").stdout
    assert "Seeds 1337, 1338, 1339:\n" in said
    # Told to four digits.
    assert rows(said) == {
        metric: pytest.approx(numbers, abs=5e-5) for metric, numbers in SPREAD.items()
    }
    assert "pictures" not in said  # their count, which is no metric
    assert state(project) == before
    assert project.repro() == []
    names = experiments(project)
    assert [name[:9] for name in names] == ["seed-1337", "seed-1338", "seed-1339"]

    # Another run replaces its experiments. All of it is from the run cache.
    again = project.few("seeds", "2").stdout
    assert rows(again)["head.accuracy"] == [0.375, 0.0071, 0.37, 0.38]
    assert experiments(project) == names
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
