"""The heads of the draws, from stored features."""

import json
import sys

import numpy as np
import pytest

from studies import finetune, train_heads
from tests.code import ROOT


@pytest.fixture
def sets():
    """Features and labels of each split; one direction of five tells the classes apart."""
    rng = np.random.default_rng(0)
    labels = {split: np.repeat([0, 1], 40) for split in ("train", "validation", "test")}
    rows = {
        split: [rng.normal(size=(80, 5)) + 2.5 * of[:, None] * [1, 0, 0, 0, 0]]
        for split, of in labels.items()
    }
    return rows, labels


def test_the_strength_is_chosen_on_the_validation_pictures_and_measured_on_the_test(sets):
    rows, labels = sets
    chosen = np.array([0, 1, 2, 40, 41, 42])
    by_strength = {
        l2: train_heads.measure(rows, labels, chosen, [l2]) for l2 in (1e-4, 1e-2, 1.0, 10.0)
    }
    assert len(set(by_strength.values())) > 1
    picked = train_heads.measure(rows, labels, chosen, list(by_strength))
    assert picked in by_strength.values()
    assert picked > 0.75  # far above luck; the classes overlap by a tenth

    # Other test pictures move what is measured, not what is picked.
    flipped = labels | {"test": 1 - labels["test"]}
    assert train_heads.measure(rows, flipped, chosen, list(by_strength)) == pytest.approx(
        1 - picked
    )


@pytest.mark.parametrize("stage", [train_heads, finetune])
def test_a_size_above_what_there_is_is_left_out(tmp_path, monkeypatch, capsys, stage):
    for name in ("a/0.png", "a/1.png", "b/0.png"):
        path = tmp_path / "data/subset/train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "data/features").mkdir()
    (tmp_path / "data/features/train.csv").write_text(
        "file,label\na/0.png,a\na/1.png,a\nb/0.png,b\n"
    )
    (tmp_path / "params.yaml").symlink_to(ROOT / "params.yaml")
    (tmp_path / "studies").symlink_to(ROOT / "studies")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["", "2"])
    stage.main()
    assert "2 pictures of each class are left out: a class has 1" in capsys.readouterr().out
    assert json.loads((stage.METRICS / "2.json").read_text()) == {"available": 1}
