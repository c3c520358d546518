"""Training the head on stored features, those of views included."""

from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd

from vision import feature_batches, heads, lbfgs, training
from vision.description import Description
from vision.params import TrainHead
from vision.stored import Stored


def fit(
    extractor: keras.Model,
    backbone: str,
    stored: Stored,
    settings: TrainHead,
    seed: int,
    chosen: np.ndarray | None = None,
    tell: training.Tell | None = None,
) -> tuple[keras.Model, Description, pd.DataFrame, dict[str, float | int]]:
    """Train a head on what an extractor made of the training pictures, and put it onto it.

    Parameters
    ----------
    backbone : the name of the extractor's.
    chosen : the indices of the training pictures to train on, if not all.
    tell : called after each epoch, with the history so far.

    Returns
    -------
    The model from pictures to probabilities, and its description; and the history and the summary
    of `training.fit`, which has the strength of the penalty besides, l2.
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
        head = heads.build_head(extractor.output.shape[1], len(classes), own, seed)
        if at_once:
            history, summary = lbfgs.fit(head, *sets, own, tell)
        else:
            steps = training.Steps(own.schedule)
            history, summary = training.fit(
                head, *sets, own, own.learning_rate, steps=steps, tell=tell
            )
        return head, history, summary | {"l2": l2}

    strengths = settings.l2 if isinstance(settings.l2, list) else [settings.l2]
    head, history, summary = min(
        (train(l2) for l2 in strengths), key=lambda trained: trained[2]["validation_loss"]
    )
    whole = keras.Model(extractor.input, head(extractor.output), name="classifier")
    return whole, Description(classes, extractor.input.shape[1], backbone), history, summary


def _batches(
    stored: Stored, labels: Mapping[str, np.ndarray], chosen: np.ndarray, size: int, seed: int
) -> tuple[training.Batches, training.Batches]:
    """Give what is trained on, the next view of all pictures in each epoch, and validated on."""
    train, validation = (stored.rows(split) for split in ("train", "validation"))
    return (
        feature_batches.of(train, labels["train"], size, seed, chosen),
        feature_batches.of(validation, labels["validation"], size, None),
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
