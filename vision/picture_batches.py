"""Pictures in batches, to fine-tune on."""

from pathlib import Path

import numpy as np
import pandas as pd

from vision import pictures, training
from vision.augmentation import augment
from vision.description import Description
from vision.params import Augmentation


def of(
    folder: Path,
    index: pd.DataFrame,
    description: Description,
    batch_size: int,
    augmentation: Augmentation | None = None,
    seed: int | None = None,
) -> training.Batches:
    """Give a folder's pictures in batches, in order and as they are; or, with an augmentation
    and a seed, to train on: shuffled, and as new views each epoch.

    Parameters
    ----------
    index : the pictures, with the columns of `pictures.index`.
    description : of the model, for its classes and its image size.
    """

    def load(chosen: np.ndarray, epoch: int) -> np.ndarray:
        files = index["file"].iloc[chosen]
        batch = pictures.load_batch([folder / file for file in files], description.image_size)
        if augmentation is not None and seed is not None:
            return augment(batch, files, epoch, augmentation, seed)
        return batch.astype(np.float32)

    labels = index["label"].map(description.classes.index).to_numpy()
    return training.Batches(load, labels, batch_size, seed)
