"""The committed figures of the default run, on the pictures that the project draws itself."""

import json

import pytest

from tests.code import ROOT


@pytest.fixture(scope="module")
def metrics():
    return json.loads((ROOT / "metrics/evaluate.json").read_text())


def test_the_head_alone_does_as_well_as_on_real_pictures_that_are_hard(metrics):
    assert 0.85 <= metrics["head"]["accuracy"] <= 0.97


def test_fine_tuning_does_better_but_not_perfectly(metrics):
    assert metrics["head"]["accuracy"] < metrics["finetuned"]["accuracy"] < 1
