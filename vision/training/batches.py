"""Labelled examples in batches to train on: pictures, or the features that are stored of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vision import pictures
from vision.augmentation import augment
from vision.models.description import Description
from vision.params import Augmentation
from vision.runtime.prefetch import load_ahead

Loader = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Batches:
    """A labelled set, in batches.

    Attributes
    ----------
    load : gives the inputs of some examples in an epoch, from their indices, shape (examples,),
        and the epoch, counted from 0; called from threads.
    labels : the class number of each example, shape (examples,).
    shuffle_seed : gives each epoch an order of its own; None keeps the order.
    sample_weights : what each example counts in the loss, 1 in the mean, shape (examples,); or 1,
        where all count the same.
    """

    load: Loader
    labels: np.ndarray
    batch_size: int
    shuffle_seed: int | None = None
    sample_weights: np.ndarray | float = 1.0

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield one batch of an epoch after another: inputs, labels in a column, and weights.

        A column, since that is the shape of a sigmoid unit's output.
        """
        order = np.arange(len(self.labels))
        if self.shuffle_seed is not None:
            np.random.default_rng([self.shuffle_seed, number]).shuffle(order)
        chosen = np.split(order, range(self.batch_size, len(order), self.batch_size))
        inputs = load_ahead(lambda examples: self.load(examples, number), chosen)
        labels = (self.labels[examples, np.newaxis] for examples in chosen)
        of_all = np.broadcast_to(np.float32(self.sample_weights), self.labels.shape)
        weights = (of_all[examples] for examples in chosen)
        yield from zip(inputs, labels, weights, strict=True)


def from_features(
    rows: Sequence[np.ndarray],
    labels: np.ndarray,
    batch_size: int,
    shuffle_seed: int | None,
    chosen: np.ndarray | None = None,
    sample_weights: np.ndarray | float = 1.0,
) -> Batches:
    """Give pictures' features in batches, as float32.

    Each epoch has the next view of all pictures, and after the last one the first again: with as
    many views as epochs, what augmenting the pictures anew in each would give.

    Parameters
    ----------
    rows : the features of each view of the pictures, all of shape (pictures, features); the
        pictures as they are can be one. May be memory-mapped.
    labels, sample_weights : of each picture that is given; see `Batches`.
    shuffle_seed : None keeps the order.
    chosen : the indices of the pictures to give, if not all.
    """
    numbers = np.arange(len(labels)) if chosen is None else chosen

    def load(examples: np.ndarray, epoch: int) -> np.ndarray:
        return np.asarray(rows[epoch % len(rows)][numbers[examples]], np.float32)

    return Batches(load, labels, batch_size, shuffle_seed, sample_weights)


def from_pictures(
    folder: Path,
    index: pd.DataFrame,
    description: Description,
    batch_size: int,
    augmentation: Augmentation | None = None,
    seed: int | None = None,
    sample_weights: np.ndarray | float = 1.0,
) -> Batches:
    """Give a folder's pictures in batches, in order and as they are; or, with an augmentation
    and a seed, to train on: shuffled, and as new views each epoch.

    Parameters
    ----------
    index : the pictures, with the columns of `pictures.index`.
    description : of the model, for its classes and its image size.
    sample_weights : of each picture; see `Batches`.
    """

    def load(chosen: np.ndarray, epoch: int) -> np.ndarray:
        files = index["file"].iloc[chosen]
        batch = pictures.load_batch([folder / file for file in files], description.image_size)
        if augmentation is not None and seed is not None:
            return augment(batch, files, epoch, augmentation, seed)
        return batch.astype(np.float32)

    labels = index["label"].map(description.classes.index).to_numpy()
    return Batches(load, labels, batch_size, seed, sample_weights)
