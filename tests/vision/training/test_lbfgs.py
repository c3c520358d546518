"""Training to the optimum, all examples at once."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.vision.training.test_heads import settings, two_clouds
from vision.training import lbfgs
from vision.training.heads import build_head


def fit(head, train, validation, **chosen):
    sets = ((inputs, labels, np.ones(len(labels))) for inputs, labels in (train, validation))
    return lbfgs.fit(head, *sets, settings(optimizer="lbfgs", **chosen))


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    return [two_clouds(rng, count, classes=3, distance=1.5) for count in (200, 100)]


@pytest.mark.parametrize("classes", [2, 3])
def test_it_comes_to_the_optimum_that_scikit_learn_finds(clouds, classes):
    (inputs, labels), _ = ((x[y < classes], y[y < classes]) for x, y in clouds)
    head = build_head(4, classes, settings(), seed=0)
    # Validated on what it is trained on, and without a penalty: the last weights are the best.
    history, _ = fit(head, (inputs, labels), (inputs, labels), epochs=500, patience=500)
    assert len(history) < 500
    expected = LogisticRegression(C=np.inf, tol=1e-6)
    probabilities = expected.fit(inputs, labels).predict_proba(inputs)
    found = np.asarray(head(inputs))
    # Where the gradient is 1e-5, the loss is within 1e-6 of the least.
    np.testing.assert_allclose(found, probabilities[:, -found.shape[1] :], atol=1e-3)
    history, summary = fit(head, (inputs, labels), (inputs, labels), epochs=3, patience=3)
    assert history["epoch"].tolist() == list(range(1, summary["epochs"] + 1))
    assert len(history) <= 3  # epochs are its steps at most


def test_the_penalty_holds_the_weights_down(clouds):
    def length(l2):
        head = build_head(4, 3, settings(l2=l2), seed=0)
        fit(head, clouds[0], clouds[0], epochs=500, patience=500)
        return np.linalg.norm(head.get_weights()[0])

    assert length(1.0) < length(0.1) < length(0.0)


def test_the_weights_of_the_best_step_are_kept_and_patience_ends_it(clouds):
    train, validation = clouds
    # The labels of other pictures: what is learnt of one half is of no use for the other.
    contrary = validation[0], (validation[1] + 1) % 3
    head = build_head(4, 3, settings(), seed=0)
    history, summary = fit(head, train, contrary, epochs=500, patience=4)
    best = history["validation_loss"].idxmin()
    assert len(history) == best + 1 + 4
    losses = [summary["validation_loss_before"], *history["validation_loss"]]
    assert summary["best_epoch"] == np.argmin(losses)
    chosen = np.asarray(head(contrary[0]))[np.arange(len(contrary[1])), contrary[1]]
    assert -np.log(chosen).mean() == pytest.approx(min(losses), rel=1e-4)  # float32


def test_a_hidden_layer_is_trained_too(clouds):
    head = build_head(4, 3, settings(hidden_units=8), seed=0)
    before = head.get_layer("hidden").get_weights()[0]
    _, summary = fit(head, *clouds, epochs=50, patience=50)
    assert (head.get_layer("hidden").get_weights()[0] != before).any()
    assert summary["validation_loss"] < summary["validation_loss_before"] / 2
