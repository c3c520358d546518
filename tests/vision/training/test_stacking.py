"""The weights of models beside each other."""

import numpy as np
from scipy.special import softmax

from vision.training import stacking


def test_the_weights_are_those_of_the_least_loss():
    """Of a model that knows, one that knows nothing, and one that is wrong."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 5000)
    knows = np.log(softmax(rng.normal(size=(5000, 3)) + 2 * np.eye(3)[labels], axis=1))
    nothing = np.log(softmax(rng.normal(size=(5000, 3)), axis=1))
    wrong = np.log(softmax(rng.normal(size=(5000, 3)) - 2 * np.eye(3)[labels], axis=1))
    first, second, third = stacking.weigh(labels, [knows, nothing, wrong])
    assert first > 0.5
    assert second < 0.2
    assert third == 0

    def loss(weight):
        logits = weight * knows + second * nothing
        of_labels = np.log(softmax(logits, axis=1))[np.arange(5000), labels]
        return -of_labels.mean()

    assert loss(first) < min(loss(first - 0.05), loss(first + 0.05))


def test_the_pictures_that_count_more_choose_the_weights():
    labels = np.array([0, 0, 1, 1])
    one = np.log([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]])
    other = one[:, ::-1]
    for counted, favoured in (([2, 2, 0.1, 0.1], 0), ([0.1, 0.1, 2, 2], 1)):
        weights = stacking.weigh(labels, [one, other], np.array(counted))
        assert weights[favoured] > weights[1 - favoured]


def test_of_a_few_pictures_the_weights_stay_near_those_of_a_mean():
    """Of two models, of which one is right by luck; and of many pictures, they don't."""
    right, wrong = np.log([[0.6, 0.4]]), np.log([[0.4, 0.6]])
    apart = []
    for count in (4, 4000):
        labels = np.zeros(count, int)
        first, second = stacking.weigh(labels, [right.repeat(count, 0), wrong.repeat(count, 0)])
        apart.append(first - second)
    assert 0 < apart[0] < 1 < apart[1]
    nothing = [np.log(np.full((4, 2), 0.5))] * 3
    assert np.allclose(stacking.weigh(np.zeros(4, int), nothing), 1 / 3, atol=1e-3)


def test_together_they_are_measured_by_their_weights():
    logs = [np.log([[0.9, 0.1], [0.2, 0.8]]), np.log([[0.5, 0.5], [0.9, 0.1]])]
    alone = stacking.measure(np.array([0, 1]), logs, [1, 0], np.array([0.5, 1.5]))
    assert np.isclose(alone["validation_loss"], -(0.5 * np.log(0.9) + 1.5 * np.log(0.8)) / 2)
    assert alone["validation_accuracy"] == 1
    assert stacking.measure(np.array([0, 1]), logs, [0, 1])["validation_accuracy"] == 0.5
