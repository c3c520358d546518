"""Runs one row of the literature, as an experiment with that name.

The recipes are in recipes/. Each sets every parameter but the seed, the source of the pictures,
and those on which no accuracy depends, such as the audit's, the calibration's and the bounds of
disk use; those stay as params.yaml has them.
"""

import math
import socket
from pathlib import Path
from urllib.parse import urlsplit

import keras

from tools.experiment import flatten, run_experiment
from vision import params
from vision.networks import parts
from vision.networks.backbones import BACKBONES
from vision.networks.extractor import build_extractor
from vision.networks.weights import WeightsUnreachableError
from vision.params import Download, Section, load_params
from vision.runtime.errors import UserError

PARAMS = Path("params.yaml")
WEIGHTS = Path("data/weights")
RECIPES = Path(__file__).parents[1] / "recipes"
# Seconds without an answer after which a host counts as out of reach.
TIMEOUT = 15


class Evaluate(Section):
    mirror: bool


class Recipe(Section):
    """All that a recipe sets, named as in params.yaml."""

    lr: params.Rate
    subset: params.Subset
    backbone: params.BackboneSettings
    extract: params.Extract
    train_head: params.TrainHead
    finetune: params.Finetune
    augmentation: params.Augmentation
    evaluate: Evaluate


def run_recipe(name: str, backbone: str, weights: str, preprocessing: str) -> None:
    """Run a recipe, with another base, weights or preprocessing where they are named.

    Raises
    ------
    UserError
        There is no such recipe or base, or its weights can't be had.
    """
    download = load_params(PARAMS).download
    recipe = read_recipe(name)
    chosen = with_base(recipe, backbone, weights, preprocessing)
    conv_base = build_base(chosen.backbone)
    experiment = name
    if chosen.backbone.name != recipe.backbone.name:
        chosen = with_equivalent_block(chosen, conv_base)
        experiment += f"-{chosen.backbone.name}"
    if preprocessing:
        experiment += f"-{preprocessing}"
    run_experiment(experiment, values(chosen, download))


def names() -> list[str]:
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def read_recipe(name: str) -> Recipe:
    """Read a recipe, and check it against the schema.

    Raises
    ------
    UserError
        There is none of this name, or it isn't one; one line says why.
    """
    if name not in names():
        raise UserError(f"{name!r} is no recipe; there are {', '.join(names())}")
    return load_params(RECIPES / f"{name}.yaml", Recipe)


def with_base(recipe: Recipe, backbone: str, weights: str, preprocessing: str) -> Recipe:
    """Return a recipe with another base, weights or preprocessing; empty: its own.

    The pictures stay of the recipe's size, whatever size the base was published with, as the
    literature does it with VGG16: every base takes 150 px. But what the literature takes for
    VGG16's preprocessing says nothing of another base, which gets its published one.

    Raises
    ------
    UserError
        There is no such base.
    """
    if backbone and backbone not in BACKBONES:
        raise UserError(f"{backbone} is no convolutional base; there are {', '.join(BACKBONES)}")
    if backbone:
        preprocessing = preprocessing or "published"
    changes = {"name": backbone, "weights": weights, "preprocessing": preprocessing}
    given = {key: value for key, value in changes.items() if value}
    return recipe.model_copy(update={"backbone": recipe.backbone.model_copy(update=given)})


def build_base(backbone: params.BackboneSettings) -> keras.Model:
    """Build the convolutional base, as the stages will: what it lacks is told now.

    Its ImageNet weights are downloaded here, to where the stages find them.

    Raises
    ------
    UserError
        The weights can't be had.
    """
    socket.setdefaulttimeout(TIMEOUT)  # Keras sets none
    try:
        return parts.conv_base(build_extractor(backbone, WEIGHTS))
    except WeightsUnreachableError as error:
        address = urlsplit(error.url)
        raise UserError(
            f"{address.netloc} could not be reached for the ImageNet weights of {backbone.name}; "
            f"give a file of them by --weights {WEIGHTS}/{Path(address.path).name}, or take "
            "another base by --backbone efficientnet_lite0, whose weights are installed"
        ) from None
    except (TimeoutError, ConnectionError) as error:
        raise UserError(
            f"the download of the ImageNet weights of {backbone.name} broke off: {error}; "
            "run it again"
        ) from None


def with_equivalent_block(recipe: Recipe, conv_base: keras.Model) -> Recipe:
    """Return a recipe with the block of another base from which to fine-tune, in place of VGG16's.

    VGG16 halves the height and width of its maps at the end of each block. So its `block5` stands
    for the part that brings them from a 16th of the picture's size to a 32nd: in another base, for
    the first block at whose end they have been halved five times, and all above it.

    Parameters
    ----------
    conv_base : the base of the recipe's name, built.
    """
    times = int(recipe.finetune.unfreeze_from.removeprefix("block"))
    starts = BACKBONES[recipe.backbone.name].blocks(conv_base)
    ends = [start - 1 for start in [*starts.values(), len(conv_base.layers)][1:]]
    block = next(
        name
        for name, end in zip(starts, ends, strict=True)
        if halvings(conv_base, conv_base.layers[end]) >= times
    )
    finetune = recipe.finetune.model_copy(update={"unfreeze_from": block})
    return recipe.model_copy(update={"finetune": finetune})


def halvings(conv_base: keras.Model, layer: keras.Layer) -> int:
    """Return how often the height has been halved by the end of a layer, but for padding."""
    return round(math.log2(conv_base.input.shape[1] / layer.output.shape[1]))


def values(recipe: Recipe, download: Download) -> dict[str, object]:
    """Return all that a recipe sets, by the parameters' names.

    Parameters
    ----------
    download : where the workspace gets its pictures from; of those that are drawn, as many are
        asked for as the recipe needs.
    """
    of_recipe = flatten(recipe.model_dump())
    subset = recipe.subset
    needed = subset.train + subset.validation + subset.test
    if download.source == "sample" and download.sample_pictures < needed:
        of_recipe["download.sample_pictures"] = needed
    return of_recipe
