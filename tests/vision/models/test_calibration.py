"""Calibrated probabilities, and which predictions are called unsure."""

import numpy as np
import pytest

from vision.models import calibration
from vision.models.calibration import Calibration


def drawn(temperature, classes, pictures=20_000):
    """Probabilities, and labels drawn from what they are at a temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (pictures, classes))
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = calibration.scale(said, temperature)
    labels = (rng.random((pictures, 1)) > true.cumsum(axis=1)).sum(axis=1)
    return labels, said


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("temperature", [0.5, 1, 3])
def test_the_fit_finds_the_temperature_that_labels_were_drawn_at(temperature, classes):
    # 20,000 labels tell it within about 2 %; twice that and no more is let pass.
    found = calibration.fit_temperature(*drawn(temperature, classes))
    assert found == pytest.approx(temperature, rel=0.05)


def test_scaling_is_what_a_division_of_the_logits_gives():
    logits = np.array([[1.0, -2.0, 0.5], [0.0, 4.0, 3.0]])

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

    scaled = calibration.scale(softmax(logits), 2.5)
    np.testing.assert_allclose(scaled, softmax(logits / 2.5), rtol=1e-12)
    # The square root of the least probability that is told apart.
    scaled = calibration.scale(np.array([[0.0, 1.0]]), 2)
    np.testing.assert_allclose(scaled[0, 0], 1e-7**0.5, rtol=1e-3)


def cross_entropy(labels, probabilities):
    return -np.log(probabilities[np.arange(len(labels)), labels]).mean()


def sure(right, wrong, said=0.99):
    """Predictions of two classes, all as sure: so many right, so many wrong."""
    labels = np.array([0] * right + [1] * wrong)
    return labels, np.tile([said, 1 - said], (right + wrong, 1))


def test_a_single_wrong_prediction_of_many_does_not_make_the_others_certain():
    """Nor does the fit make its own pictures' cross-entropy worse."""
    labels, said = sure(999, 1)
    # One of them, of which it was surer than of the rest.
    said[-1] = [0.9999, 0.0001]
    found = calibration.fit_temperature(labels, said)
    assert 0.5 < found < 2
    before, after = (cross_entropy(labels, calibration.scale(said, t)) for t in (1, found))
    assert after < before


def test_predictions_that_are_all_right_become_surer_but_not_certain():
    found = [calibration.fit_temperature(*sure(right, 0)) for right in (1, 10, 100, 1000, 10_000)]
    # The more of them are right, the surer.
    assert found[0] < 1
    assert found == sorted(found, reverse=True)
    assert found[-2] > 0.2
    assert calibration.fit_temperature(*sure(0, 10)) > 3


@pytest.mark.parametrize("wrong", [0, 1, 3, 30])
@pytest.mark.parametrize("seed", range(5))
def test_the_fit_finds_the_least_of_all_minima(seed, wrong):
    rng = np.random.default_rng(seed)
    labels, said = sure(100, wrong)
    said[:, 0] = rng.uniform(0.5, 1 - 1e-9, len(said)) ** rng.choice([0.01, 0.1, 1])
    said[:, 1] = 1 - said[:, 0]

    def cost(temperature):
        scaled = calibration.scale(said, temperature)
        wrongness = -np.log(np.maximum(scaled[np.arange(len(labels)), labels], 1e-300)).sum()
        return wrongness + (np.log(temperature) / np.log(2)) ** 2 / 2

    least = min(cost(temperature) for temperature in np.geomspace(0.02, 100, 2000))
    assert cost(calibration.fit_temperature(labels, said)) <= least + 1e-4


# Each prediction: how probable, and whether it is right.
PREDICTIONS = [(0.95, True), (0.9, True), (0.8, False), (0.7, True), (0.6, False), (0.55, False)]


def threshold(most_wrong, predictions=PREDICTIONS):
    probable, right = np.array(predictions).T
    probabilities = np.stack([probable, 1 - probable], axis=1)
    return calibration.choose_threshold(1 - right.astype(int), probabilities, most_wrong)


@pytest.mark.parametrize(
    ("most_wrong", "expected"),
    [
        (0, (0.9 + 0.8) / 2),  # between the last that is kept and the first that is not
        (0.25, (0.7 + 0.6) / 2),  # one of four, though one of three is more
        (0.4, (0.6 + 0.55) / 2),
        (0.5, 1 / 2),  # all are kept
        (1, 1 / 2),
    ],
)
def test_the_threshold_keeps_as_many_as_are_right_often_enough(most_wrong, expected):
    assert threshold(most_wrong) == pytest.approx(expected, rel=1e-12)


def test_equally_probable_predictions_are_kept_or_dropped_together():
    assert threshold(0.1, [(0.9, False), (0.8, True)]) == 1  # even the surest are wrong
    assert threshold(0.4, [(0.9, True), (0.8, True), (0.8, False), (0.8, False)]) == pytest.approx(
        0.85
    )


def test_with_two_classes_unsure_is_a_band_of_the_probability_of_either():
    chosen = Calibration(mirror=False, temperature=1, unsure_below=0.75)
    second = np.array([0.0, 0.25, 0.26, 0.5, 0.74, 0.75, 1.0])
    unsure = chosen.is_unsure(np.stack([1 - second, second], axis=1))
    assert unsure.tolist() == [False, False, True, True, True, False, False]
