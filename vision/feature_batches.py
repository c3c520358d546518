"""Stored features in batches, to train a head on."""

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
    """Give pictures' features in batches.

    From epoch to epoch a picture goes round its views, of which the first is itself as it is.

    Parameters
    ----------
    rows : the features of the pictures as they are, and of each view of them, all of shape
        (pictures, features); may be memory-mapped.
    labels : the class number of each picture, shape (pictures,).
    shuffle_seed : None keeps the order.
    chosen : the indices of the pictures to give, if not all.
    """
    numbers = np.arange(len(labels)) if chosen is None else chosen

    def load(examples: np.ndarray, epoch: int) -> np.ndarray:
        return np.stack(
            [rows[(picture + epoch) % len(rows)][picture] for picture in numbers[examples]]
        )

    return training.Batches(load, labels[numbers], batch_size, shuffle_seed)
