"""The plain way: what a practitioner would write, with TensorFlow's own defaults.

F. Chollet, "Deep Learning with Python", 2nd edition, 2021, chapter 8.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf


def dataset(
    folder: Path,
    size: int,
    batch_size: int,
    labels: str = "int",
    shuffle: bool = True,
    seed: int | None = None,
) -> "tf.data.Dataset":
    """Read pictures, a folder for each class, in batches.

    Parameters
    ----------
    size : height and width that they are resized to.
    labels : int, of shape (pictures,); or binary, of two classes, of shape (pictures, 1).
    """
    import keras

    return keras.utils.image_dataset_from_directory(
        folder,
        label_mode=labels,
        image_size=(size, size),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        verbose=False,
    )


def extract(
    extractor: "keras.Model", batches: "Iterable[tuple[tf.Tensor, tf.Tensor]]"
) -> tuple["np.ndarray", "np.ndarray"]:
    """Run the base over a dataset, batch by batch; give the features and the labels."""
    import numpy as np

    rows, labels = [], []
    for pictures, of_pictures in batches:
        rows.append(extractor.predict(pictures, verbose=0))
        labels.append(of_pictures)
    return np.concatenate(rows), np.concatenate(labels)


def augmented(model: "keras.Model") -> "keras.Model":
    """Put augmentation layers before a model, with the ranges of params.yaml."""
    import keras
    from keras import layers

    augmentation = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(10 / 360),
            layers.RandomZoom(0.1),
            layers.RandomTranslation(0.05, 0.05),
            layers.RandomContrast(0.1),
        ]
    )
    inputs = keras.Input(model.input.shape[1:])
    return keras.Model(inputs, model(augmentation(inputs)))


def falling(rate: float, epochs: int, pictures: int, batch_size: int) -> "keras.optimizers.Adam":
    """Give an optimizer whose learning rate falls to 0 over all epochs, along half a cosine."""
    import keras

    steps = epochs * -(-pictures // batch_size)
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))
