"""The densely connected classifier."""

import keras
import numpy as np
import pytest

from vision.params import TrainHead
from vision.training.heads import build_head


def settings(**changes) -> TrainHead:
    defaults = {
        "hidden_units": 0,
        "dropout": 0.0,
        "l2": 0.0,
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "batch_size": 32,
        "epochs": 1,
        "patience": 1,
    }
    return TrainHead(**defaults | changes)


def test_two_classes_have_one_sigmoid_unit():
    output = build_head(5, 2, settings(), seed=0).layers[-1]
    assert (output.units, output.activation) == (1, keras.activations.sigmoid)


def test_more_classes_have_a_softmax():
    output = build_head(5, 3, settings(), seed=0).layers[-1]
    assert (output.units, output.activation) == (3, keras.activations.softmax)


def test_without_hidden_units_it_is_logistic_regression():
    head = build_head(5, 2, settings(), seed=0)
    kernel, bias = head.get_weights()
    features = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    expected = 1 / (1 + np.exp(-(features @ kernel + bias)))
    # float32 has seven digits.
    np.testing.assert_allclose(np.asarray(head(features)), expected, rtol=1e-5)


def test_hidden_units_are_a_layer_of_their_own():
    head = build_head(5, 2, settings(hidden_units=7), seed=0)
    assert [weight.shape for weight in head.get_weights()] == [(5, 7), (7,), (7, 1), (1,)]


def test_the_seed_draws_the_weights():
    def weights(seed):
        return build_head(5, 2, settings(), seed).get_weights()[0]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert (weights(1) != weights(2)).any()


def test_dropout_drops_its_share_in_training_only():
    head = build_head(10_000, 2, settings(dropout=0.3), seed=0)
    dropout = head.get_layer("dropout")
    ones = np.ones((1, 10_000), np.float32)
    dropped = (np.asarray(dropout(ones, training=True)) == 0).mean()
    # Of 10,000 draws, five standard deviations.
    assert dropped == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / 10_000))
    np.testing.assert_array_equal(dropout(ones, training=False), ones)


def test_l2_adds_the_squares_of_the_kernels_to_the_loss():
    head = build_head(5, 2, settings(l2=0.5, hidden_units=3), seed=0)
    hidden, _, output, _ = head.get_weights()
    expected = 0.5 * ((hidden**2).sum() + (output**2).sum())
    assert float(sum(head.losses)) == pytest.approx(expected, rel=1e-5)  # float32
