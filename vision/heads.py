"""The densely connected classifier on top of the features."""

import keras
from keras import initializers, layers, regularizers

from vision.params import TrainHead


def build_head(features: int, classes: int, settings: TrainHead, seed: int) -> keras.Model:
    """Build an untrained head from features to probabilities.

    Two classes: one sigmoid unit, the probability of the second. More: softmax.

    Parameters
    ----------
    features : the length of a picture's features.
    classes : how many there are, 2 or more.
    seed : of the initial weights and of the dropout.
    """

    def dense(units: int, activation: str, name: str) -> layers.Layer:
        return layers.Dense(
            units,
            activation,
            kernel_initializer=initializers.GlorotUniform(seed),
            kernel_regularizer=regularizers.L2(settings.l2) if settings.l2 else None,
            name=name,
        )

    inputs = keras.Input((features,), name="features")
    x = inputs
    if settings.hidden_units:
        x = dense(settings.hidden_units, "relu", "hidden")(x)
    x = layers.Dropout(settings.dropout, seed=seed, name="dropout")(x)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return keras.Model(inputs, dense(units, activation, "probabilities")(x), name="head")
