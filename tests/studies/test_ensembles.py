"""The average of heads, and what is told of several."""

import numpy as np
import pytest

from studies import ensembles


def test_the_average_is_that_of_one_head_of_averaged_weights():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(20, 4)), rng.normal(size=(3, 4))

    def two_classes(weights):
        second = 1 / (1 + np.exp(-rows @ weights))
        return np.stack([1 - second, second], axis=1)

    heads = np.array([two_classes(own) for own in weights])
    expected = two_classes(weights.mean(axis=0))
    np.testing.assert_allclose(ensembles.average(heads), expected)


def test_a_certain_head_is_averaged_too():
    heads = np.array([[[0, 1]], [[0.5, 0.5]]], np.float32)
    first, second = ensembles.average(heads)[0]
    assert 0 < first < 1e-15
    assert second == pytest.approx(1)


def test_several_are_told_as_mean_and_deviation():
    labels = np.array([0, 1])
    right, wrong = (np.array([[p, 1 - p], [1 - p, p]]) for p in (0.8, 0.4))
    told = ensembles.summarise(labels, [right, wrong])
    assert told["accuracy"] == 0.5
    assert told["loss"] == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert told["accuracy_sd"] == pytest.approx(np.sqrt(0.5))
    assert told["loss_sd"] == pytest.approx(np.log(2) / np.sqrt(2))
