"""The head on stored features: which of several strengths is kept, and what it is trained on."""

import keras
import numpy as np
import pandas as pd
import pytest

from tests.vision.training.test_heads import settings
from tests.vision.training.test_loop import two_clouds
from vision.training import heads
from vision.training.stored_features import Stored

STRENGTHS = [1e-4, 1e-2, 1.0]


@pytest.fixture
def stored(tmp_path):
    """Features of few pictures that overlap, so that the strength matters; and a view of them."""
    rng = np.random.default_rng(0)
    for folder in ("features", "views"):
        (tmp_path / folder).mkdir()
    for split, count in (("train", 40), ("validation", 200)):
        rows, labels = two_clouds(rng, count, distance=0.8)
        np.save(tmp_path / f"features/{split}.npy", rows)
        names = pd.DataFrame({"label": np.array(["cat", "dog"])[labels]})
        names.to_csv(tmp_path / f"features/{split}.csv", index=False)
        if split == "train":
            np.save(tmp_path / "views/0.npy", rows + 1)
    return Stored(tmp_path / "features", tmp_path / "views")


def fit(stored, chosen=None, **changes):
    """Train heads upon an extractor that gives what it gets."""
    inputs = keras.Input((4,))
    extractor = keras.Model(inputs, keras.layers.Identity()(inputs))
    model, _, _, summary = heads.fit(
        extractor, "none", stored, settings(epochs=30, patience=30, **changes), 0, chosen
    )
    return model.get_layer("head").get_weights(), summary


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_of_several_strengths_that_of_the_least_validation_loss_is_kept(stored, optimizer):
    each = {l2: fit(stored, l2=l2, optimizer=optimizer) for l2 in STRENGTHS}
    weights, summary = fit(stored, l2=STRENGTHS, optimizer=optimizer)
    losses = {l2: found["validation_loss"] for l2, (_, found) in each.items()}
    assert summary["l2"] == min(losses, key=losses.get)
    assert len(set(losses.values())) == len(STRENGTHS)
    for weight, expected in zip(weights, each[summary["l2"]][0], strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_constant_learning_rate_trains_otherwise(stored):
    falling, constant = (fit(stored, schedule=name)[0] for name in ("cosine", "constant"))
    assert (falling[0] != constant[0]).any()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_views_are_trained_on_as_well(stored, tmp_path, optimizer):
    with_view, _ = fit(stored, l2=0.01, optimizer=optimizer)
    (tmp_path / "views/0.npy").unlink()
    without, _ = fit(stored, l2=0.01, optimizer=optimizer)
    assert (with_view[0] != without[0]).any()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_only_the_chosen_pictures_are_trained_on(stored, optimizer):
    chosen = np.arange(10)
    few, _ = fit(stored, chosen, l2=0.01, optimizer=optimizer)
    rows = np.load(stored.features / "train.npy")
    rows[10:] = 99
    np.save(stored.features / "train.npy", rows)
    np.save(stored.views / "0.npy", rows + (np.arange(len(rows)) < 10)[:, np.newaxis])
    again, _ = fit(stored, chosen, l2=0.01, optimizer=optimizer)
    for one, other in zip(few, again, strict=True):
        np.testing.assert_array_equal(one, other)
