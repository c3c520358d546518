import numpy as np
import pytest

from serving import intervals
from vision.evaluation import scores


def some(pictures, classes, seed=0):
    """Labels, and probabilities that are right more often than not; some are equal."""
    rng = np.random.default_rng(seed)
    labels = np.append(np.arange(classes), rng.integers(0, classes, pictures - classes))
    logits = rng.normal(size=(pictures, classes)) + 1.5 * np.eye(classes)[labels]
    probabilities = np.exp(logits.round(1))
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("counts", [[0, 30, 0], [12, 12, 6]], ids=["once", "some three times"])
@pytest.mark.parametrize("classes", [2, 4])
def test_with_each_picture_so_many_times_the_figures_are_those_of_the_scores(classes, counts):
    labels, probabilities = some(30, classes)
    weights = np.random.default_rng(1).permutation(np.repeat([0, 1, 3], counts))
    found = intervals.weighted(labels, probabilities, 10, weights[np.newaxis].astype(float))
    repeated = np.repeat(np.arange(30), weights)
    expected = scores.score(labels[repeated], probabilities[repeated], 10)
    for name in ("accuracy", "accuracy_low", "accuracy_high"):  # their interval is Wilson's
        del expected[name]
    # The same sums in another order.
    assert {name: value[0] for name, value in found.items()} == pytest.approx(expected, abs=1e-9)


def test_a_class_without_pictures_counts_in_no_mean():
    labels, probabilities = some(30, 2)
    with_third = np.column_stack([probabilities * 0.9, np.full(30, 0.1)])
    found = intervals.weighted(labels, with_third, 10, np.ones((1, 30)))
    expected = scores.score(labels, with_third, 10)
    for name, value in found.items():
        assert value[0] == pytest.approx(expected[name], abs=1e-9), name


def test_the_interval_is_as_wide_as_the_mean_varies():
    """Of many pictures the loss is nearly normal: 1.96 standard errors either way."""
    labels, probabilities = some(400, 2)
    low, high = intervals.of_scores(labels, probabilities, 10)["loss"]
    losses = -np.log(probabilities[np.arange(400), labels])
    error = losses.std() / np.sqrt(400)
    # The ends of 1000 draws vary by some 5 % themselves.
    assert (low, high) == pytest.approx(
        (losses.mean() - 1.96 * error, losses.mean() + 1.96 * error), abs=0.25 * error
    )


def test_draws_of_one_class_only_have_no_say_in_the_area():
    labels = np.array([0, 1])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert intervals.of_scores(labels, probabilities, 10)["roc_auc"] == (1, 1)
