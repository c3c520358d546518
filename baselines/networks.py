"""The small convolutional networks of the literature on cats and dogs, untrained.

All take RGB pictures 0-255 and give probabilities: of one sigmoid unit where there are two
classes, else of a softmax.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import initializers, layers


def build(
    name: str, image_size: int, classes: int, dropout: float | None, seed: int
) -> keras.Model:
    """Build a network.

    Parameters
    ----------
    name : a key of NETWORKS.
    image_size : height and width of the pictures.
    classes : how many there are, 2 or more.
    dropout : the share that the layer of that name drops; None leaves the layer out.
    seed : of the initial weights and of the dropout.
    """
    make = _Layers(dropout, seed)
    inputs = keras.Input((image_size, image_size, 3), name="pictures")
    x = NETWORKS[name](layers.Rescaling(1 / 255, name="rescaling")(inputs), make)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return keras.Model(inputs, make.dense(x, units, activation, "probabilities"), name=name)


class _Layers:
    """Makes layers whose random numbers come from one seed, each layer's from one of its own."""

    def __init__(self, dropout: float | None, seed: int):
        self._dropout = dropout
        self._seeds = np.random.SeedSequence(seed)

    def convolution(self, x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        initial = initializers.GlorotUniform(self._next_seed())
        return layers.Conv2D(filters, 3, activation="relu", kernel_initializer=initial)(x)

    def pooling(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return layers.MaxPooling2D(2)(x)

    def dropout(self, x: keras.KerasTensor) -> keras.KerasTensor:
        seed = self._next_seed()  # Drawn in any case: both forms start from the same weights.
        return x if self._dropout is None else layers.Dropout(self._dropout, seed=seed)(x)

    def dense(
        self, x: keras.KerasTensor, units: int, activation: str, name: str
    ) -> keras.KerasTensor:
        initial = initializers.GlorotUniform(self._next_seed())
        return layers.Dense(units, activation, kernel_initializer=initial, name=name)(x)

    def _next_seed(self) -> int:
        return int(self._seeds.spawn(1)[0].generate_state(1)[0])


def _blog_2016(x: keras.KerasTensor, make: _Layers) -> keras.KerasTensor:
    """F. Chollet, "Building powerful image classification models using very little data", 2016."""
    for filters in (32, 32, 64):
        x = make.pooling(make.convolution(x, filters))
    x = layers.Flatten()(x)
    x = make.dense(x, 64, "relu", "hidden")
    return make.dropout(x)


def _book_1st_edition(x: keras.KerasTensor, make: _Layers) -> keras.KerasTensor:
    """F. Chollet, "Deep Learning with Python", 2017, section 5.2."""
    for filters in (32, 64, 128, 128):
        x = make.pooling(make.convolution(x, filters))
    x = layers.Flatten()(x)
    x = make.dropout(x)
    return make.dense(x, 512, "relu", "hidden")


def _book_2nd_edition(x: keras.KerasTensor, make: _Layers) -> keras.KerasTensor:
    """F. Chollet, "Deep Learning with Python", 2nd edition, 2021, section 8.2."""
    for filters in (32, 64, 128, 256):
        x = make.pooling(make.convolution(x, filters))
    x = make.convolution(x, 256)
    x = layers.Flatten()(x)
    return make.dropout(x)


NETWORKS: dict[str, Callable[[keras.KerasTensor, _Layers], keras.KerasTensor]] = {
    "blog-2016": _blog_2016,
    "book-1st-edition": _book_1st_edition,
    "book-2nd-edition": _book_2nd_edition,
}
