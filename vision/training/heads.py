"""The densely connected classifier on top of the features, and its training."""

from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd
from keras import initializers, layers, regularizers

from vision.models.description import Description
from vision.params import TrainHead
from vision.training import batches, lbfgs, loop
from vision.training.batches import Batches
from vision.training.progress import OnEpoch
from vision.training.stored_features import Stored

_STANDARDIZE = "standardize"
# Added to each feature's variance: one that is the same in all pictures stays near 0.
_LEAST_VARIANCE = 1e-6


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
    if settings.standardize:
        # What it takes off and divides by, `fit` gives it; nothing else changes it.
        x = layers.BatchNormalization(
            center=False, scale=False, epsilon=_LEAST_VARIANCE, trainable=False, name=_STANDARDIZE
        )(x)
    if settings.hidden_units:
        x = dense(settings.hidden_units, "relu", "hidden")(x)
    x = layers.Dropout(settings.dropout, seed=seed, name="dropout")(x)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return keras.Model(inputs, dense(units, activation, "probabilities")(x), name="head")


def fit(
    extractor: keras.Model,
    backbone: str,
    stored: Stored,
    settings: TrainHead,
    seed: int,
    chosen: np.ndarray | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[keras.Model, Description, pd.DataFrame, dict[str, float | int]]:
    """Train a head on what an extractor made of the training pictures, and put it onto it.

    Parameters
    ----------
    backbone : the name of the extractor's.
    chosen : the indices of the training pictures to train on, if not all.
    on_epoch : called after each epoch, with the history so far.

    Returns
    -------
    The model from pictures to probabilities, and its description; and the history and the summary
    of `loop.fit`, which has the strength of the penalty besides, l2.
    """
    classes = sorted(set(stored.labels("train")))
    labels = {
        split: np.array([classes.index(label) for label in stored.labels(split)])
        for split in ("train", "validation")
    }
    if chosen is None:
        chosen = np.arange(len(labels["train"]))
    at_once = settings.optimizer == "lbfgs"
    sets = (
        _examples(stored, labels, chosen)
        if at_once
        else _batches(stored, labels, chosen, settings.batch_size, seed)
    )

    def train(l2: float) -> tuple[keras.Model, pd.DataFrame, dict[str, float | int]]:
        own = settings.model_copy(update={"l2": l2})
        head = build_head(extractor.output.shape[1], len(classes), own, seed)
        if own.standardize:
            rows = stored.rows("train")[0][chosen]
            moments = (reduce(rows, axis=0, dtype=np.float64) for reduce in (np.mean, np.var))
            head.get_layer(_STANDARDIZE).set_weights([*moments])
        if at_once:
            history, summary = lbfgs.fit(head, *sets, own, on_epoch)
        else:
            history, summary = loop.fit(head, *sets, own, own.learning_rate, on_epoch=on_epoch)
        return head, history, summary | {"l2": l2}

    strengths = settings.l2 if isinstance(settings.l2, list) else [settings.l2]
    head, history, summary = min(
        (train(l2) for l2 in strengths), key=lambda trained: trained[2]["validation_loss"]
    )
    whole = keras.Model(extractor.input, head(extractor.output), name="classifier")
    return whole, Description(classes, extractor.input.shape[1], backbone), history, summary


def _batches(
    stored: Stored, labels: Mapping[str, np.ndarray], chosen: np.ndarray, size: int, seed: int
) -> tuple[Batches, Batches]:
    """Give what is trained on, the next view of all pictures in each epoch, and validated on."""
    train, validation = (stored.rows(split) for split in ("train", "validation"))
    return (
        batches.from_features(train, labels["train"], size, seed, chosen),
        batches.from_features(validation, labels["validation"], size, None),
    )


def _examples(
    stored: Stored, labels: Mapping[str, np.ndarray], chosen: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Give what is trained on, all views of all pictures at once, and validated on."""
    views = stored.rows("train")
    (validation,) = stored.rows("validation")
    return (
        (
            np.concatenate([view[chosen] for view in views]),
            np.tile(labels["train"][chosen], len(views)),
        ),
        (np.asarray(validation), labels["validation"]),
    )
