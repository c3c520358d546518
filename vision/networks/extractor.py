"""The frozen network from pictures to features: preprocessing, convolutional base, pooling."""

import os
from pathlib import Path

import keras
from keras import layers

from vision.networks import backbones, parts
from vision.params import BackboneSettings
from vision.runtime.errors import UserError


def build_extractor(backbone: BackboneSettings, weights_folder: Path) -> keras.Model:
    """Build the frozen model from RGB pictures 0-255 to features, preprocessing included.

    Parameters
    ----------
    weights_folder : a file of weights must be in here, where its changes are tracked.

    Returns
    -------
    A model from (pictures, size, size, 3) to (pictures, features), with the parts of
    `networks.parts` but the head.

    Raises
    ------
    UserError
        The image size is too small for the backbone, or its weights can't be had.
    """
    weights = Path(backbone.weights)
    inside = Path(os.path.normpath(weights.absolute())).is_relative_to(weights_folder.absolute())
    if weights.is_file() and not inside:
        raise UserError(
            f"backbone.weights = {weights} is a file that no stage depends on, so that a change "
            f"of it would go unnoticed; copy it into {weights_folder} and name it there"
        )
    chosen = backbones.find(backbone.name, rescale=backbone.preprocessing == "rescale")
    sizes = backbones.image_sizes(backbone.name, backbone.image_size)
    conv_base = chosen.build(backbone.weights, sizes, backbone.pooling == "levels")
    conv_base.trainable = False
    inputs = keras.Input((max(sizes), max(sizes), 3), name="pictures")
    preprocessing = keras.Model(inputs, chosen.preprocess(inputs), name=parts.PREPROCESSING)
    maps = conv_base(preprocessing(inputs))
    if backbone.pooling == "none":
        features = layers.Flatten(name=parts.FEATURES)(maps)
    else:
        features = layers.GlobalAveragePooling2D(name=parts.FEATURES)(maps)
    return keras.Model(inputs, features, name="extractor")
