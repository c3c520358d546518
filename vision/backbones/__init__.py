"""The pretrained convolutional bases, all behind one interface.

A backbone is a Keras model named `backbone` from preprocessed pictures to feature maps, plus what
one must know of it: its preprocessing, its least and its published input size, and its blocks.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import h5py
import keras
from keras import applications

from vision.backbones import efficientnet_lite
from vision.errors import UserError

# `random` weights are these random ones, whoever asks: two stages build the same network.
_RANDOM_WEIGHTS_SEED = 0


class WeightsUnreachableError(UserError):
    """ImageNet weights that are to come over the network, from `url`, can't be had."""

    def __init__(self, message: str, url: str):
        super().__init__(message)
        self.url = url


@dataclass(frozen=True)
class Backbone:
    """What there is to know of a convolutional base.

    Attributes
    ----------
    network : builds it, as keras.applications does: `network(input_shape=...)`.
    preprocess : maps RGB pictures 0-255 to what the network was trained on.
    least_size, published_size : input heights and widths in pixels.
    block : matches the names of a block's layers; its first group is the name of the block.
    ends_block : whether only the last layer of a block has such a name, not every layer.
    """

    network: Callable[..., keras.Model]
    preprocess: Callable[[keras.KerasTensor], keras.KerasTensor]
    published_size: int
    block: str
    least_size: int = 32
    ends_block: bool = False

    def build(self, weights: str, image_size: int) -> keras.Model:
        """Build the network with its weights.

        Parameters
        ----------
        weights : `imagenet`, `random`, or a path to a file of weights.
        image_size : height and width in pixels.

        Raises
        ------
        UserError
            The weights can't be had: no network, no such file, or another network's.
        """
        keras.utils.set_random_seed(_RANDOM_WEIGHTS_SEED)
        shape = (image_size, image_size, 3)
        if self.network in efficientnet_lite.NETWORKS:
            base = self.network(input_shape=shape)
            if weights == "imagenet":
                efficientnet_lite.load_imagenet_weights(base)
        elif weights == "imagenet":
            base = _with_downloaded_weights(self.network, shape)
        else:
            base = self.network(include_top=False, weights=None, input_shape=shape)
        if weights not in ("imagenet", "random"):
            _load_weights(base, Path(weights))
        return keras.Model(base.input, base.output, name="backbone")

    def blocks(self, base: keras.Model) -> dict[str, int]:
        """Name the blocks of a built network, from the input up.

        Returns
        -------
        The index in `base.layers` of each block's first layer. Layers are in topological order
        and a single tensor enters each block, so that all layers from this index on, and no
        others, depend on the block's input.
        """
        starts: dict[str, int] = {}
        next_start = 1  # behind the input
        for index, layer in enumerate(base.layers):
            if match := re.match(self.block, layer.name):
                starts.setdefault(match[1], next_start if self.ends_block else index)
                next_start = index + 1
        return starts


BACKBONES = {
    "efficientnet_lite0": Backbone(
        efficientnet_lite.EfficientNetLite0,
        efficientnet_lite.preprocess_input,
        published_size=224,
        block=r"(stem|block\d\w|top)_",
    ),
    "efficientnet_lite1": Backbone(
        efficientnet_lite.EfficientNetLite1,
        efficientnet_lite.preprocess_input,
        published_size=240,
        block=r"(stem|block\d\w|top)_",
    ),
    "efficientnet_lite2": Backbone(
        efficientnet_lite.EfficientNetLite2,
        efficientnet_lite.preprocess_input,
        published_size=260,
        block=r"(stem|block\d\w|top)_",
    ),
    "vgg16": Backbone(
        applications.VGG16, applications.vgg16.preprocess_input, 224, block=r"(block\d)_"
    ),
    "vgg19": Backbone(
        applications.VGG19, applications.vgg19.preprocess_input, 224, block=r"(block\d)_"
    ),
    "resnet50": Backbone(
        applications.ResNet50,
        applications.resnet.preprocess_input,
        published_size=224,
        block=r"(conv1|conv\d_block\d+)_",
    ),
    "inception_v3": Backbone(
        applications.InceptionV3,
        applications.inception_v3.preprocess_input,
        published_size=299,
        least_size=75,
        block=r"(mixed\d+)$",
        ends_block=True,
    ),
    "xception": Backbone(
        applications.Xception,
        applications.xception.preprocess_input,
        published_size=299,
        least_size=71,
        block=r"(block\d+)_",
    ),
    "mobilenet": Backbone(
        applications.MobileNet,
        applications.mobilenet.preprocess_input,
        published_size=224,
        block=r"(conv1|conv_dw_\d+)$",
    ),
    "mobilenet_v2": Backbone(
        applications.MobileNetV2,
        applications.mobilenet_v2.preprocess_input,
        published_size=224,
        block=r"(Conv1|expanded_conv|block_\d+|Conv_1)(?:_|$)",
    ),
    "efficientnet_b0": Backbone(
        applications.EfficientNetB0,
        applications.efficientnet.preprocess_input,
        published_size=224,
        block=r"(stem|block\d\w|top)_",
    ),
    "densenet121": Backbone(
        applications.DenseNet121,
        applications.densenet.preprocess_input,
        published_size=224,
        block=r"(conv1|conv\d_block\d+|pool\d)_",
    ),
}


def image_size(name: str, requested: int | None) -> int:
    """Tell the height and width, in pixels, at which a backbone takes its pictures.

    Raises
    ------
    UserError
        The requested size is below the backbone's least.
    """
    backbone = BACKBONES[name]
    if requested is None:
        return backbone.published_size
    if requested < backbone.least_size:
        raise UserError(
            f"backbone.image_size = {requested} is too small for {name}, which takes "
            f"{backbone.least_size} px or more; null stands for its {backbone.published_size} px"
        )
    return requested


def unfreeze(conv_base: keras.Model, name: str, block: str) -> None:
    """Make a block of a backbone and all above it trainable, and freeze all below it.

    Batch normalisation stays frozen everywhere: its running means are those of a million
    pictures, and a small set would only spoil them. (That is what keeps it in inference mode.
    Calling the base with `training=False` does not: `fit` overrides it, keras-team/keras#20285.)

    Parameters
    ----------
    conv_base : a network that `BACKBONES[name]` built.

    Raises
    ------
    UserError
        The backbone has no such block; the message lists those that it has.
    """
    blocks = BACKBONES[name].blocks(conv_base)
    if block not in blocks:
        raise UserError(
            f"finetune.unfreeze_from = {block} is no block of {name}; from the input up, "
            f"it has {', '.join(blocks)}"
        )
    conv_base.trainable = True
    for index, layer in enumerate(conv_base.layers):
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = index >= blocks[block] and not normalises


def _with_downloaded_weights(
    network: Callable[..., keras.Model], shape: tuple[int, int, int]
) -> keras.Model:
    try:
        return network(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as error:
        # Keras raises a bare Exception for every failed download.
        if "URL fetch failure" not in str(error):
            raise
        url = re.search(r"https?://\S+", str(error))[0].removesuffix(":")
        raise WeightsUnreachableError(
            f"{urlsplit(url).netloc} could not be reached for the ImageNet weights of "
            f"{network.__name__}; set backbone.weights to a file of them, or to random, or "
            "backbone.name to efficientnet_lite0, which needs no network",
            url,
        ) from None


def _load_weights(base: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise UserError(
            f"backbone.weights = {path} is neither imagenet nor random nor a file that is there"
        )
    if path.suffix == ".pth" and base.name.startswith("efficientnet_lite"):
        efficientnet_lite.load_checkpoint(base, path)
        return
    try:
        with h5py.File(path) as file:
            numbers = _count_numbers(file)
    except OSError:
        raise UserError(
            f"{path} is no file of Keras weights (.weights.h5 or .h5), or is cut short"
        ) from None
    # Keras would load a larger network's weights where only the lower layers agree.
    if numbers != base.count_params():
        raise UserError(
            f"{path} holds the weights of another network: {numbers:,} numbers, while "
            f"the convolutional base of {base.name} has {base.count_params():,}"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # the error says it all
            base.load_weights(path)
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} holds the weights of another network: {error}") from None


def _count_numbers(file: h5py.File) -> int:
    sizes: list[int] = []
    file.visititems(
        lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None
    )
    return sum(sizes)
