"""The cut through a model, below which fine-tuning changes nothing.

What is below is the same in every epoch, so that its outputs, the activations at the cut, can be
stored, and the blocks above be trained from there.
"""

import math

import keras
import numpy as np
from keras import layers, tree

from vision.networks import backbones, parts


def split(model: keras.Model, backbone: str, block: str | None) -> tuple[keras.Model, keras.Model]:
    """Cut a model in two where a block of its convolutional base begins, or its head.

    Parameters
    ----------
    model : from pictures, with the parts of an extractor; see `networks.parts`.
    backbone : the name of its convolutional base.
    block : the lowest one that is trained; None: the head alone is.

    Returns
    -------
    The lower part, from RGB pictures 0-255 to the activations at the cut, float32, shape
    (pictures, numbers), which without a block are the features; and the upper one, from there to
    the model's output. They share the layers of the model, which is trained where they are.

    Raises
    ------
    UserError
        The backbone has no such block.
    """
    if block is None:
        return _above_features(model)
    conv_base = parts.conv_base(model)
    lower, upper = backbones.split(conv_base, backbone, block)
    entering = tree.flatten(lower(parts.preprocessing(model)(model.input)))
    flat = [layers.Flatten(name=f"flat_{n}")(part) for n, part in enumerate(entering)]
    activations = flat[0] if len(flat) == 1 else layers.Concatenate(name="activations")(flat)
    entering = keras.Input(activations.shape[1:], name="activations")
    outputs = _go_on(model, conv_base, upper(_shaped(entering, tree.flatten(upper.input))))
    # All names are the same in every process, whatever else it built: they are a part of what
    # tells a network's rows in the store from another's.
    return keras.Model(model.input, activations, name="below"), keras.Model(entering, outputs)


def side_by_side(
    models: list[keras.Model], backbone: str, block: str | None
) -> tuple[keras.Model, keras.Model]:
    """Put models together that are the same below a block, so that what they share runs once.

    Without a block they are the same but for their heads.

    Returns
    -------
    The lower part that they share, and the upper one, from the activations at the cut to the
    outputs of all the models, in one row; see `split`.

    Raises
    ------
    ValueError
        The models differ below the block.
    """
    halves = [split(model, backbone, block) for model in models]
    lower = halves[0][0]
    for other, _ in halves[1:]:
        pairs = zip(lower.get_weights(), other.get_weights(), strict=True)
        if not all(np.array_equal(one, another) for one, another in pairs):
            raise ValueError(f"the models differ below {block or 'the head'}")
    entering = keras.Input(lower.output.shape[1:], name="activations")
    outputs = [upper(entering) for _, upper in halves]
    return lower, keras.Model(entering, layers.Concatenate()(outputs))


def _above_features(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Cut a model in two where its head begins: the lower part is the extractor that it has."""
    features = parts.features(model)
    entering = keras.Input(features.output.shape[1:], name="activations")
    outputs = _go_on(model, features, entering)
    return keras.Model(model.input, features.output, name="extractor"), keras.Model(
        entering, outputs
    )


def _go_on(model: keras.Model, after: keras.Layer, tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Run a tensor through the layers of a model that come after one of them."""
    for layer in model.layers[model.layers.index(after) + 1 :]:
        tensor = layer(tensor)
    return tensor


def _shaped(
    flat: keras.KerasTensor, tensors: list[keras.KerasTensor]
) -> keras.KerasTensor | list[keras.KerasTensor]:
    """Cut rows into parts with the shapes of some tensors."""
    shaped = []
    start = 0
    for tensor in tensors:
        end = start + math.prod(tensor.shape[1:])
        shaped.append(layers.Reshape(tensor.shape[1:])(flat[:, start:end]))
        start = end
    return shaped[0] if len(shaped) == 1 else shaped
