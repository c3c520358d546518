"""Nested cross-validation of ways to train the head."""

import numpy as np
import pandas as pd
import pytest

from studies import nested


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
