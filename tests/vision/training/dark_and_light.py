"""A classifier of dark and light pictures, to be fine-tuned."""

from functools import cache

import keras
import numpy as np

from tests.code import ROOT
from tests.vision.training.test_heads import settings
from vision import pictures
from vision.models import saving
from vision.networks.extractor import build_extractor
from vision.params import BackboneSettings, load_params
from vision.training import unfreezing
from vision.training.heads import build_head
from vision.training.stored_features import Stored

PARAMS = load_params(ROOT / "params.yaml")
NAME = "efficientnet_lite0"
BACKBONE = BackboneSettings(
    name=NAME, weights="imagenet", preprocessing="published", pooling="avg", image_size=64
)
DESCRIPTION = saving.Description(["dark", "light"], 64, NAME)
BLOCK = "block7a"
LADDER = ["top", "block7a", "block6d"]
RATE = 1e-3


def of_validation(subset):
    index = pictures.index(subset / "validation")
    labels = index["label"].map(DESCRIPTION.classes.index).to_numpy()
    return [subset / "validation" / file for file in index["file"]], labels


def source_of(subset, features, folder):
    return unfreezing.Source(
        subset, Stored(features), folder / "activations", 0, PARAMS.augmentation, seed=5
    )


def classifier(dropout=0.0):
    extractor = build_extractor(BACKBONE, ROOT)
    head = build_head(extractor.output.shape[1], 2, settings(dropout=dropout), seed=0)
    return keras.Model(extractor.input, head(extractor.output))


@cache
def untrained():
    """The same, and nothing trains it."""
    return classifier()


def with_defaults(**changes):
    defaults = {"unfreeze_from": LADDER, "least_wrong": 0, "views": 1, "epochs": 1, "batch_size": 8}
    return PARAMS.finetune.model_copy(update=defaults | changes)


def same_weights(one, other):
    return all(map(np.array_equal, one.get_weights(), other.get_weights()))
