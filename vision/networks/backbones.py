"""The pretrained convolutional bases, all behind one interface.

A backbone is a Keras model named `backbone` from preprocessed pictures to feature maps, plus what
one must know of it: its preprocessing, its least and its published input size, and its blocks.
Several of them can look at the same picture side by side.
"""

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
from keras import applications, layers, tree

from vision.networks import efficientnet_lite, parts
from vision.networks import weights as weight_files
from vision.networks.architectures import ARCHITECTURES, Architecture
from vision.runtime.errors import UserError

# `random` weights are these random ones, whoever asks: two stages build the same network.
_RANDOM_WEIGHTS_SEED = 0
# How the layers are called that give the means of larger maps, and the one that puts these beside
# the last maps.
_MEAN = "mean_of_level_"
_LEVELS = "levels"


@contextmanager
def _always_the_same() -> Iterator[None]:
    """Let layers draw the same initial weights each time, and leave the caller's draws alone.

    A layer that is given no seed takes one from Python's `random`.
    """
    state = random.getstate()
    random.seed(_RANDOM_WEIGHTS_SEED)
    try:
        yield
    finally:
        random.setstate(state)


@dataclass(frozen=True)
class Backbone:
    """A convolutional base, to be built and cut.

    Attributes
    ----------
    rescale : whether pictures are divided by 255, whatever the network was trained on.
    """

    architecture: Architecture
    rescale: bool = False

    @property
    def least_size(self) -> int:
        return self.architecture.least_size

    @property
    def published_size(self) -> int:
        return self.architecture.published_size

    @property
    def network(self) -> Callable[..., keras.Model]:
        """The function that builds it, as keras.applications does: `network(input_shape=...)`."""
        own = self._module is efficientnet_lite
        return getattr(efficientnet_lite if own else applications, self.architecture.function)

    @property
    def preprocess(self) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
        """The function that maps RGB pictures 0-255 to what the network takes."""
        return layers.Rescaling(1 / 255) if self.rescale else self._module.preprocess_input

    @property
    def _module(self) -> ModuleType:
        own = self.architecture.module == "efficientnet_lite"
        return efficientnet_lite if own else getattr(applications, self.architecture.module)

    def build(self, weights: str, sizes: Sequence[int], levels: bool = False) -> keras.Model:
        """Build the network with its weights.

        Parameters
        ----------
        weights : `imagenet`, `random`, or a path to a file of weights.
        sizes : height and width in pixels, of each network: here of one.
        levels : whether the means of larger maps stand beside the last ones; see `_with_levels`.

        Raises
        ------
        UserError
            The weights can't be had: no network, no such file, or another network's.
        """
        (size,) = sizes
        shape = (size, size, 3)
        with _always_the_same():
            if self._module is efficientnet_lite:
                base = self.network(input_shape=shape)
                if weights == "imagenet":
                    efficientnet_lite.load_imagenet_weights(base)
            elif weights == "imagenet":
                base = weight_files.with_downloaded(self.network, shape)
            else:
                base = self.network(include_top=False, weights=None, input_shape=shape)
        if weights not in ("imagenet", "random"):
            weight_files.load(base, Path(weights))
        maps = _with_levels(base) if levels else base.output
        return keras.Model(base.input, maps, name=parts.CONV_BASE)

    def last_maps(self, base: keras.Model) -> np.ndarray:
        """See `last_maps`."""
        if _LEVELS not in (layer.name for layer in base.layers):
            return np.ones(base.output.shape[-1], bool)
        widths = [maps.shape[-1] for maps in base.get_layer(_LEVELS).input]
        return np.arange(sum(widths)) < widths[0]

    def blocks(self, base: keras.Model) -> dict[str, int]:
        """Name the blocks of a built network, from the input up.

        Returns
        -------
        The index in `base.layers` of each block's first layer. Layers are in topological order
        and a single tensor enters each block, so that all layers from this index on, and no
        others, depend on the block's input; but for the means of maps below, where there are any.
        """
        starts: dict[str, int] = {}
        next_start = 1  # behind the input
        for index, layer in enumerate(base.layers):
            if match := re.match(self.architecture.block, layer.name):
                starts.setdefault(match[1], next_start if self.architecture.ends_block else index)
                next_start = index + 1
        return starts

    def unfreeze(self, base: keras.Model, name: str, block: str) -> None:
        """See `unfreeze`."""
        start = self._start(base, name, block)
        base.trainable = True
        for index, layer in enumerate(base.layers):
            normalises = isinstance(layer, layers.BatchNormalization)
            layer.trainable = index >= start and not normalises

    def split(self, base: keras.Model, name: str, block: str) -> tuple[keras.Model, keras.Model]:
        """See `split`."""
        start = self._start(base, name, block)
        below = base.layers[:start]
        means = [
            layer.output
            for layer in base.layers
            if layer.name.startswith(_MEAN) and layer.input._keras_history.operation in below
        ]
        entering = base.layers[start].input
        entering = [entering, *means] if means else entering
        return (
            keras.Model(base.input, entering, name=f"{base.name}_below"),
            keras.Model(entering, base.output, name=f"{base.name}_above"),
        )

    def _start(self, base: keras.Model, name: str, block: str) -> int:
        blocks, (network, own) = self.blocks(base), of_network(block)
        if network not in (None, name) or own not in blocks:
            raise UserError(
                f"finetune.unfreeze_from = {block} is no block of {name}; from the input up, "
                f"it has {', '.join(blocks)}"
            )
        return blocks[own]


def _with_levels(base: keras.Model) -> keras.KerasTensor:
    """Put the means of larger maps beside the last maps, as maps of one value each.

    Of the maps of each height, the last ones, from half of the picture's height on. What a network
    knows of textures and colours it forgets towards its end, where it tells ImageNet's classes
    apart; pictures unlike ImageNet's need it (U. Evci et al., "Head2Toe: Utilizing intermediate
    representations for better transfer learning", ICML 2022).
    """
    size = base.input.shape[1]
    height, width, _ = base.output.shape[1:]
    own = round(math.log2(size / height))
    last = {}
    for layer in base.layers:
        shape = layer.output.shape
        if len(shape) == 4 and 0 < (halvings := round(math.log2(size / shape[1]))) < own:
            last[halvings] = layer.output
    levels = []
    for halvings, maps in last.items():
        mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{_MEAN}{halvings}")(maps)
        levels.append(layers.UpSampling2D((height, width), name=f"level_{halvings}")(mean))
    return layers.Concatenate(name=_LEVELS)([base.output, *levels])


@dataclass(frozen=True)
class Joint:
    """Several convolutional bases that look at the same picture, their maps side by side.

    What one base misses another may see: features of different networks, concatenated, make a
    better classifier than those of the best of them; so do those of pictures of different sizes.
    The maps of those that are smaller are stretched to the largest.

    Attributes
    ----------
    parts : the bases, by their names.
    """

    parts: dict[str, Backbone]

    @property
    def least_size(self) -> int:
        return max(part.least_size for part in self.parts.values())

    @property
    def published_size(self) -> int:
        return max(part.published_size for part in self.parts.values())

    def preprocess(self, pictures: keras.KerasTensor) -> keras.KerasTensor:
        """Leave pictures as they are; each part has its own preprocessing."""
        return pictures

    def build(self, weights: str, sizes: Sequence[int], levels: bool = False) -> keras.Model:
        """Build the networks with their weights, into one; see `Backbone.build`.

        Raises
        ------
        UserError
            The weights can't be had, or are one network's.
        """
        if weights not in ("imagenet", "random"):
            raise UserError(
                f"backbone.weights = {weights} is of one network, and backbone.name asks for "
                f"{len(self.parts)}, which take imagenet or random"
            )
        each = zip(self.parts.values(), sizes, strict=True)
        bases = [part.build(weights, [size], levels) for part, size in each]
        height, width = max(base.output.shape[1:3] for base in bases)
        pictures = keras.Input((max(sizes), max(sizes), 3), name="pictures")
        maps = []
        for (name, part), size, base in zip(self.parts.items(), sizes, bases, strict=True):
            resized = pictures
            if size < max(sizes):
                resized = layers.Resizing(size, size, name=f"{name}_resized")(pictures)
            prepared = keras.Model(pictures, part.preprocess(resized), name=f"{name}_input")
            own = base.output
            if own.shape[1:3] != (height, width):
                own = layers.Resizing(height, width, name="stretched")(own)
            maps.append(keras.Model(base.input, own, name=name)(prepared(pictures)))
        return keras.Model(pictures, layers.Concatenate(name="maps")(maps), name=parts.CONV_BASE)

    def last_maps(self, base: keras.Model) -> np.ndarray:
        """See `last_maps`."""
        each = [part.last_maps(base.get_layer(name)) for name, part in self.parts.items()]
        return np.concatenate(each)

    def unfreeze(self, base: keras.Model, name: str, block: str) -> None:
        """See `unfreeze`: the block of each part, which are of one family, or of the one named."""
        network, block = of_network(block)
        if network not in (None, *self.parts):
            raise UserError(
                f"finetune.unfreeze_from = {network}/{block} is of no network of backbone.name, "
                f"which has {', '.join(self.parts)}"
            )
        base.trainable = True
        for part_name, part in self.parts.items():
            own = base.get_layer(part_name)
            if network in (None, part_name):
                part.unfreeze(own, part_name, block)
            else:
                own.trainable = False

    def split(self, base: keras.Model, name: str, block: str) -> tuple[keras.Model, keras.Model]:
        """See `split`: the frozen halves of all parts beside each other, and the trained ones.

        Of a part that is frozen as a whole, the means of its maps alone pass the cut.
        """
        network, block = of_network(block)
        activations, entering, maps = [], [], []
        for part_name, part in self.parts.items():
            own, prepared = base.get_layer(part_name), base.get_layer(f"{part_name}_input")
            if network in (None, part_name):
                lower, upper = part.split(own, part_name, block)
            else:
                lower, upper = _after_the_maps(own)
            activations += tree.flatten(lower(prepared(base.input)))
            inputs = tree.map_structure(lambda each: keras.Input(each.shape[1:]), upper.input)
            entering += tree.flatten(inputs)
            maps.append(upper(inputs))
        joined = base.get_layer("maps")(maps)
        return (
            keras.Model(base.input, activations, name="backbone_below"),
            keras.Model(entering, joined, name="backbone_above"),
        )


def _after_the_maps(base: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Cut a base behind its last maps: to their means, and from there to maps that are even."""
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(base.output)
    entering = keras.Input(mean.shape[1:])
    even = layers.UpSampling2D(base.output.shape[1:3], name="even")(entering)
    return (
        keras.Model(base.input, mean, name=f"{base.name}_below"),
        keras.Model(entering, even, name=f"{base.name}_above"),
    )


BACKBONES = {name: Backbone(architecture) for name, architecture in ARCHITECTURES.items()}


def find(name: str, rescale: bool = False) -> Backbone | Joint:
    """Return the backbone of a name, or of several names joined by `+`.

    Parameters
    ----------
    rescale : whether its pictures are divided by 255, whatever it was trained on.
    """
    parts = {part: replace(BACKBONES[part], rescale=rescale) for part in name.split("+")}
    return Joint(parts) if len(parts) > 1 else parts[name]


def image_sizes(name: str, requested: int | list[int] | None) -> list[int]:
    """Return the height and width, in pixels, at which each network of a backbone is used.

    Parameters
    ----------
    requested : of all, or of each; None: the published size, of several networks the largest.

    Raises
    ------
    UserError
        A size is below a network's least, or there are not as many as networks.
    """
    published = find(name).published_size
    names = name.split("+")
    sizes = requested if isinstance(requested, list) else [requested] * len(names)
    if len(sizes) != len(names):
        raise UserError(
            f"backbone.image_size = {sizes} has {len(sizes)} sizes, and backbone.name {len(names)} "
            "networks; write one size for all, or one for each"
        )
    for network, size in zip(names, sizes, strict=True):
        least = find(network).least_size
        if size is not None and size < least:
            of = ", for all networks" if len(names) > 1 else ""
            raise UserError(
                f"backbone.image_size = {size} is too small for {network}, which takes "
                f"{least} px or more; null stands for {published} px{of}"
            )
    return [size or published for size in sizes]


def of_network(block: str) -> tuple[str | None, str]:
    """Return the network that a block is said to be of, if one is, and the block's own name.

    Of several networks, `efficientnet_lite0/block5a` is the block of that one; of one network, it
    may be written so, too.
    """
    network, _, own = block.rpartition("/")
    return network or None, own


def columns(conv_base: keras.Model, name: str) -> dict[str, slice]:
    """Return which of a backbone's feature maps are whose, by the networks' names.

    Parameters
    ----------
    conv_base : a network that `find(name)` built.
    """
    names = name.split("+")
    if len(names) == 1:
        return {name: slice(0, conv_base.output.shape[-1])}
    ends = np.cumsum([conv_base.get_layer(each).output.shape[-1] for each in names]).tolist()
    each = zip(names, pairwise([0, *ends]), strict=True)
    return {network: slice(start, end) for network, (start, end) in each}


def last_maps(conv_base: keras.Model, name: str) -> np.ndarray:
    """Return for each of a backbone's feature maps whether it is one of the last, shape (maps,).

    The others are the means of larger maps, where the backbone was built with them.

    Parameters
    ----------
    conv_base : a network that `find(name)` built.
    """
    return find(name).last_maps(conv_base)


def unfreeze(conv_base: keras.Model, name: str, block: str) -> None:
    """Make a block of a backbone and all above it trainable, and freeze all below it.

    Batch normalisation stays frozen everywhere: its running means are those of a million
    pictures, and a small set would only spoil them. (That is what keeps it in inference mode.
    Calling the base with `training=False` does not: `fit` overrides it, keras-team/keras#20285.)

    Parameters
    ----------
    conv_base : a network that `find(name)` built.

    Raises
    ------
    UserError
        The backbone has no such block; the message lists those that it has.
    """
    find(name).unfreeze(conv_base, name, block)


def split(conv_base: keras.Model, name: str, block: str) -> tuple[keras.Model, keras.Model]:
    """Cut a backbone in two where a block begins; the halves share its layers.

    Parameters
    ----------
    conv_base : a network that `find(name)` built.

    Returns
    -------
    The lower half, from preprocessed pictures to what enters the block, one tensor or, of several
    networks or with means of larger maps, a list of them; and the upper one from there to the
    feature maps.

    Raises
    ------
    UserError
        The backbone has no such block; the message lists those that it has.
    """
    return find(name).split(conv_base, name, block)
