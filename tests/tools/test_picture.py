"""Which pictures the README shows."""

import numpy as np

from tools.picture import choose

OF_FIRST_CLASS = np.array([0.9, 0.95, 0.55, 0.1, 0.02, 0.45, 0.97])
PROBABILITIES = np.column_stack([OF_FIRST_CLASS, 1 - OF_FIRST_CLASS])
UNSURE = PROBABILITIES.max(axis=1) < 0.8


def test_of_each_class_a_sure_and_an_unsure_one_and_the_most_confident_mistake():
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    assert list(choose(labels, PROBABILITIES, UNSURE)) == [1, 2, 4, 5, 6]


def test_what_there_is_none_of_is_left_out():
    right = PROBABILITIES.argmax(axis=1)
    assert list(choose(right, PROBABILITIES, np.zeros(7, bool))) == [6, 4]
