"""Nested cross-validation of ways to train the head."""

import numpy as np
import pandas as pd
import pytest

from studies import nested
from studies.params import HeadVariant
from vision.params import TrainHead


def test_ways_are_compared_fold_by_fold():
    def table(wrong, losses):
        return pd.DataFrame({"pictures": 10, "wrong": wrong, "loss": losses})

    told = nested.summarise(
        {"first": table([1, 2], [0.1, 0.3]), "second": table([0, 1], [0.2, 0.2])}
    )
    assert told["first"]["difference"] == told["first"]["difference_sd"] == 0
    second = told["second"]
    assert (second["wrong"], second["pictures"]) == (1, 20)
    assert second["loss"] == pytest.approx(0.2)
    assert second["difference"] == pytest.approx(0)
    assert second["difference_sd"] == pytest.approx(np.sqrt(0.02))


def test_a_way_takes_the_place_of_what_it_sets_alone():
    own = TrainHead(
        hidden_units=0,
        dropout=0.2,
        l2=1e-4,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="cosine",
        batch_size=32,
        epochs=60,
        patience=6,
    )
    variant = HeadVariant(dropout=0, l2=[1e-4, 1e-3], optimizer="lbfgs", mirror=True)
    changed = nested.with_changes(own, variant)
    assert changed.l2 == [1e-4, 1e-3]
    assert changed == own.model_copy(update={"dropout": 0, "l2": changed.l2, "optimizer": "lbfgs"})
