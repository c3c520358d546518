"""The presets: their files, and the experiment that each makes."""

import shutil

import pytest

from tests.code import ROOT
from tools import experiment, preset
from tools.experiment import flatten, set_params
from vision.params import load_params
from vision.runtime.program import run

NAMES = ["best", "fast", "good"]
SETTINGS = {name: preset.read_preset(name) for name in preset.names()}


def test_there_are_three():
    assert preset.names() == NAMES


def test_all_set_the_same_parameters_none_of_them_to_the_same_so_that_one_replaces_another():
    assert len({frozenset(settings) for settings in SETTINGS.values()}) == 1
    for parameter in SETTINGS["good"]:
        assert len({str(settings[parameter]) for settings in SETTINGS.values()}) > 1, parameter


def test_params_yaml_comes_with_the_good_one():
    default = flatten(load_params(ROOT / "params.yaml").model_dump())
    assert {name: default[name] for name in SETTINGS["good"]} == SETTINGS["good"]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_preset_sets_is_allowed(name, tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    set_params(tmp_path / "params.yaml", SETTINGS[name])
    changed = flatten(load_params(tmp_path / "params.yaml").model_dump())
    assert changed | SETTINGS[name] == changed


def test_a_preset_is_one_experiment_of_that_name(monkeypatch, capsys):
    commands = []
    monkeypatch.setattr(experiment.subprocess, "run", lambda *_, **__: None)
    monkeypatch.setattr(experiment.os, "execve", lambda *given: commands.append(given[1]))
    monkeypatch.setattr("sys.argv", ["preset", "fast"])
    preset.main()
    assert capsys.readouterr().out.startswith("dvc exp run --name fast --set-param ")
    assert "finetune.unfreeze_from=[block7a]" in commands[0]


def test_an_unknown_name_is_refused_with_those_there_are(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["preset", "better"])
    with pytest.raises(SystemExit) as end:
        run(preset.main)
    assert end.value.code == 1
    assert capsys.readouterr().err == (
        "error: NAME = 'better' is no preset; there are best, fast, good\n"
    )
