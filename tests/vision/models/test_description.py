"""How a model's outputs are read."""

import numpy as np

from vision.models.description import class_probabilities


def test_one_unit_is_the_probability_of_the_second_class():
    outputs = np.array([[0.25], [1.0], [0.0]], np.float32)
    probabilities = class_probabilities(outputs)
    assert probabilities.tolist() == [[0.75, 0.25], [0, 1], [1, 0]]
    assert probabilities.dtype == np.float64


def test_several_units_keep_their_columns_and_add_up_to_1():
    rough = np.array([[0.2, 0.3, 0.5], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    probabilities = class_probabilities(rough)
    # What 32 bits leave of a number near 1.
    np.testing.assert_allclose(probabilities, rough, rtol=1e-6)
    # Each sum rounds a few times in 64 bits.
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)
    assert probabilities.dtype == np.float64
