"""Stored features, or activations, in batches to train on."""

from collections.abc import Sequence

import numpy as np

from vision import training


def of(
    rows: Sequence[np.ndarray],
    labels: np.ndarray,
    batch_size: int,
    shuffle_seed: int | None,
    chosen: np.ndarray | None = None,
) -> training.Batches:
    """Give pictures' features in batches, as float32.

    Each epoch has the next view of all pictures, and after the last one the first again: with as
    many views as epochs, what augmenting the pictures anew in each would give.

    Parameters
    ----------
    rows : the features of each view of the pictures, all of shape (pictures, features); the
        pictures as they are can be one. May be memory-mapped.
    labels : the class number of each picture, shape (pictures,).
    shuffle_seed : None keeps the order.
    chosen : the indices of the pictures to give, if not all.
    """
    numbers = np.arange(len(labels)) if chosen is None else chosen

    def load(examples: np.ndarray, epoch: int) -> np.ndarray:
        return np.asarray(rows[epoch % len(rows)][numbers[examples]], np.float32)

    return training.Batches(load, labels[numbers], batch_size, shuffle_seed)
