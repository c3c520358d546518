"""Measuring a named run: its metrics by seed, its cost, and what it leaves as it was."""

import json
import shutil

import pytest
from ruamel.yaml import YAML

from tests.code import ROOT
from tests.stubs import StubProject
from tools import measure
from tools.experiment import set_params
from vision.networks.backbones import image_sizes
from vision.params import load_params

RUNS = {"stub": {"title": "a stub", "set": {"lr": 2e-5}}}


@pytest.fixture
def project(tmp_path):
    project = StubProject(tmp_path / "project")
    (project.folder / "results").mkdir()
    YAML().dump(RUNS, project.folder / "results/runs.yaml")
    for name in ("head", "finetune", "calibration"):  # which the stub's only stage doesn't write
        path = project.folder / f"metrics/{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"validation_loss": 0.1}')
    project.commit("Start")
    return project


def result(project):
    return project.read_json("metrics/results/stub.json")


def test_each_seed_is_measured_once_and_params_yaml_stays_as_it_was(project):
    project.forks = False  # the memory measured is that of programs
    before = (project.folder / "params.yaml").read_bytes()
    project.few("measure", "stub", "--seeds", "2")
    assert (project.folder / "params.yaml").read_bytes() == before
    found = result(project)
    accuracies = {
        seed: of_seed["evaluate"]["head"]["accuracy"] for seed, of_seed in found["seeds"].items()
    }
    assert accuracies == {"1337": 0.37, "1338": 0.38}
    assert found["params"]["lr"] == 2e-5
    assert found["params"]["subset.test"] == 1000
    cost = found["cost"]
    assert set(cost["seconds"]) == {"evaluate"}
    assert 0 < cost["seconds"]["evaluate"] <= cost["total_seconds"]
    assert cost["peak_memory_mb"] > 10

    project.few("measure", "stub", "--seeds", "3")
    assert project.seeds_run() == [1337, 1338, 1339]


def test_what_was_measured_with_other_parameters_is_not_mixed_in(project):
    """Whether the run sets others, or params.yaml has."""
    project.few("measure", "stub")
    runs = {"stub": {"title": "a stub", "set": {"lr": 3e-5}}}
    YAML().dump(runs, project.folder / "results/runs.yaml")
    refused = project.few("measure", "stub", check=False)
    assert refused.returncode == 1
    assert refused.stderr == (
        "error: metrics/results/stub.json is of other parameters (lr = 2e-05, which is 3e-05 now); "
        "remove it to measure anew\n"
    )
    YAML().dump(RUNS, project.folder / "results/runs.yaml")
    project.set(evaluate__mistakes=3)
    refused = project.few("measure", "stub", "--seeds", "2", check=False)
    assert refused.returncode == 1
    assert "evaluate.mistakes" in refused.stderr


def test_an_unknown_name_is_answered_with_the_names(project):
    refused = project.few("measure", "stubb", check=False)
    assert refused.returncode == 1
    assert refused.stderr == ("error: stubb is no run of results/runs.yaml; there are stub\n")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "metrics/results").glob("*.json")), ids=lambda p: p.stem
)
def test_the_committed_figures_are_of_the_run_of_their_name(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    measured = json.loads(path.read_text())["params"]
    params = measure.flatten(load_params(ROOT / "params.yaml").model_dump())
    wanted = params | measure.read_run(path.stem)
    # Parameters that came later than the run are not among its own.
    other = [key for key in measure.differing(measured, wanted) if key in measured]
    unused = "finetune." if wanted["finetune.epochs"] == 0 else ()
    assert [key for key in other if not key.startswith(unused)] == []


def test_every_run_sets_parameters_that_there_are_to_what_is_allowed(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    known = measure.flatten(load_params(ROOT / "params.yaml").model_dump())
    for name in YAML(typ="safe").load(ROOT / "results/runs.yaml"):
        changes = measure.read_run(name)
        assert set(changes) <= set(known)
        assert changes["subset.test"] == 1000
        set_params(shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml"), changes)
        backbone = load_params(tmp_path / "params.yaml").backbone
        assert image_sizes(backbone.name, backbone.image_size)
