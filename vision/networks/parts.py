"""The parts of a classifier: preprocessing, convolutional base, features and head, in a row.

`networks.extractor.build_extractor` builds all but the head, `training.heads.build_head` that; this
is where they are called by name.
"""

import keras

PREPROCESSING, CONV_BASE, FEATURES, HEAD = "preprocessing", "backbone", "features", "head"


def preprocessing(model: keras.Model) -> keras.Model:
    """Return the part from RGB pictures 0-255 to what the convolutional base takes."""
    return model.get_layer(PREPROCESSING)


def conv_base(model: keras.Model) -> keras.Model:
    """Return the part from preprocessed pictures to feature maps."""
    return model.get_layer(CONV_BASE)


def features(model: keras.Model) -> keras.Layer:
    """Return the layer from feature maps to features: it pools or flattens."""
    return model.get_layer(FEATURES)


def head(model: keras.Model) -> keras.Model:
    """Return the part from features to probabilities."""
    return model.get_layer(HEAD)
