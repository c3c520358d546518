"""The networks against the tables that their authors printed."""

import keras
import numpy as np
import pytest

from baselines.draw import FORMS
from baselines.draw import NETWORKS as DRAWN
from baselines.networks import NETWORKS, build
from baselines.params import Network, Params

# The layers with the shape of what each gives, for the published sizes, by the authors' tables
# (the rescaling there is part of reading the pictures, but in the second edition).
FIRST_EDITION = """
    Conv2D 148 148 32
    MaxPooling2D 74 74 32
    Conv2D 72 72 64
    MaxPooling2D 36 36 64
    Conv2D 34 34 128
    MaxPooling2D 17 17 128
    Conv2D 15 15 128
    MaxPooling2D 7 7 128
    Flatten 6272
    Dropout 6272
    Dense 512
    Dense 1
"""
SECOND_EDITION = """
    Conv2D 178 178 32
    MaxPooling2D 89 89 32
    Conv2D 87 87 64
    MaxPooling2D 43 43 64
    Conv2D 41 41 128
    MaxPooling2D 20 20 128
    Conv2D 18 18 256
    MaxPooling2D 9 9 256
    Conv2D 7 7 256
    Flatten 12544
    Dropout 12544
    Dense 1
"""
# Printed without a table: by hand. Unpadded 3x3 convolutions take 2 off each side.
BLOG = """
    Conv2D 148 148 32
    MaxPooling2D 74 74 32
    Conv2D 72 72 32
    MaxPooling2D 36 36 32
    Conv2D 34 34 64
    MaxPooling2D 17 17 64
    Flatten 18496
    Dense 64
    Dropout 64
    Dense 1
"""
TABLES = {
    "blog-2016": (150, BLOG),
    "book-1st-edition": (150, FIRST_EDITION),
    "book-2nd-edition": (180, SECOND_EDITION),
}
# Kernels and biases; those of the books are as printed.
PARAMETERS = {
    "blog-2016": (27 + 1) * 32 + (288 + 1) * 32 + (288 + 1) * 64 + (17 * 17 * 64 + 1) * 64 + 65,
    "book-1st-edition": 3_453_121,
    "book-2nd-edition": 991_041,
}


@pytest.fixture(params=NETWORKS)
def name(request):
    return request.param


@pytest.mark.parametrize("dropout", [None, 0.5])
def test_a_network_has_the_published_layers(name, dropout):
    size, table = TABLES[name]
    expected = [
        [word if word.isalpha() or "2D" in word else int(word) for word in line.split()]
        for line in table.strip().splitlines()
        if dropout or "Dropout" not in line
    ]
    model = build(name, size, classes=2, dropout=dropout, seed=0)
    # Without the input and the rescaling.
    rows = [[type(layer).__name__, *layer.output.shape[1:]] for layer in model.layers[2:]]
    assert rows == expected
    assert model.count_params() == PARAMETERS[name]
    activations = [layer.activation.__name__ for layer in model.layers if hasattr(layer, "kernel")]
    assert activations == ["relu"] * (len(activations) - 1) + ["sigmoid"]
    dropped = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropped == ([dropout] if dropout else [])


def test_it_takes_pictures_of_0_to_255_and_gives_probabilities(name):
    white = np.full((2, 80, 80, 3), 255.0, np.float32)
    for classes, units in ((2, 1), (3, 3)):
        model = build(name, 80, classes, dropout=0.5, seed=0)
        outputs = np.asarray(model(white))
        assert outputs.shape == (2, units)
        assert ((outputs > 0) & (outputs < 1)).all()
        if classes > 2:
            np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-6)  # float32
        np.testing.assert_allclose(model.get_layer("rescaling")(white), 1)


def test_the_seed_makes_the_weights_and_dropout_leaves_them(name):
    def weights(dropout, seed):
        return build(name, 80, 2, dropout, seed).get_weights()

    for one, same, other in zip(weights(None, 1), weights(0.5, 1), weights(None, 2), strict=True):
        np.testing.assert_array_equal(one, same)
        assert one.ndim == 1 or (one != other).any()  # biases begin at 0


def test_the_networks_are_those_of_the_parameters_and_of_the_figure():
    sections = {
        field.alias for field in Params.model_fields.values() if field.annotation is Network
    }
    assert set(NETWORKS) == set(DRAWN) == sections
    assert set(FORMS) | {"image_size"} == set(Network.model_fields)
