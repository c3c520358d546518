"""The presets: their files, and the experiment that each makes."""

import shutil

import pytest

from tests.code import ROOT
from tools import preset
from tools.experiment import flatten, set_params
from vision.networks.backbones import image_sizes
from vision.params import load_params

SETTINGS = {name: preset.read_preset(name) for name in preset.names()}


def test_all_set_the_same_parameters_none_of_them_to_the_same_so_that_one_replaces_another():
    assert list(SETTINGS) == ["best", "fast", "good"]
    assert len({frozenset(settings) for settings in SETTINGS.values()}) == 1
    for parameter in SETTINGS["good"]:
        assert len({str(settings[parameter]) for settings in SETTINGS.values()}) > 1, parameter


def test_params_yaml_comes_with_the_good_one():
    default = flatten(load_params(ROOT / "params.yaml").model_dump())
    assert {name: default[name] for name in SETTINGS["good"]} == SETTINGS["good"]


@pytest.mark.parametrize("name", SETTINGS)
def test_what_a_preset_sets_is_allowed(name, tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    set_params(tmp_path / "params.yaml", SETTINGS[name])
    params = load_params(tmp_path / "params.yaml")
    changed = flatten(params.model_dump())
    assert changed | SETTINGS[name] == changed
    assert image_sizes(params.backbone.name, params.backbone.image_size)
