"""Training the head on stored features, those of views included."""

import keras
import numpy as np
import pandas as pd

from vision import feature_batches, heads, training
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
    of `training.fit`.
    """
    classes = sorted(set(stored.labels("train")))
    head = heads.build_head(extractor.output.shape[1], len(classes), settings, seed)

    def batches(
        split: str, shuffle_seed: int | None, chosen: np.ndarray | None
    ) -> training.Batches:
        labels = np.array([classes.index(label) for label in stored.labels(split)])
        rows = stored.rows(split)
        return feature_batches.of(rows, labels, settings.batch_size, shuffle_seed, chosen)

    history, summary = training.fit(
        head,
        batches("train", seed, chosen),
        batches("validation", None, None),
        settings,
        settings.learning_rate,
        steps=training.Steps(settings.schedule),
        tell=tell,
    )
    whole = keras.Model(extractor.input, head(extractor.output), name="classifier")
    return whole, Description(classes, extractor.input.shape[1], backbone), history, summary
