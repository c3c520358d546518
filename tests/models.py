"""Small models with the parts of the project's own."""

import keras
from keras import layers

from vision.networks import parts


def classifier(
    head: keras.Model,
    size: int = 8,
    pooling: type[layers.Layer] = layers.GlobalAveragePooling2D,
    block: int = 2,
) -> keras.Model:
    """Put a head onto a base whose maps are the picture itself, in blocks of 2 × 2 pixels.

    With `block` 1, each position of the maps looks at the upper left pixel of its block alone.
    """
    inputs = keras.Input((size, size, 3))
    preprocessing = keras.Model(inputs, layers.Rescaling(1.0)(inputs), name=parts.PREPROCESSING)
    entering = keras.Input((size, size, 3))
    base = keras.Model(entering, layers.AveragePooling2D(block, 2)(entering), name=parts.CONV_BASE)
    features = pooling(name=parts.FEATURES)(base(preprocessing(inputs)))
    return keras.Model(inputs, head(features), name="classifier")
