"""The plain way: what a practitioner would write, with TensorFlow's own defaults.

F. Chollet, "Deep Learning with Python", 2nd edition, 2021, chapter 8.

    python -m benchmarks.plain SUBSET SEED

trains a whole classifier so, on the pictures of a folder with train, validation and test, and
prints its accuracies and its seconds as JSON.
"""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.project import WEIGHTS

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf


def dataset(
    folder: Path,
    size: int,
    batch_size: int,
    shuffle: bool = True,
    seed: int | None = None,
) -> "tf.data.Dataset":
    """Read pictures, a folder for each class, in batches.

    Parameters
    ----------
    size : height and width that they are resized to.
    """
    import keras

    return keras.utils.image_dataset_from_directory(
        folder,
        image_size=(size, size),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        verbose=False,
    )


def extract(
    extractor: "keras.Model", batches: "Iterable[tuple[tf.Tensor, tf.Tensor]]"
) -> tuple["np.ndarray", "np.ndarray"]:
    """Run the base over a dataset, batch by batch; return the features and the labels."""
    import numpy as np

    rows, labels = [], []
    for pictures, of_pictures in batches:
        rows.append(extractor.predict(pictures, verbose=0))
        labels.append(of_pictures)
    return np.concatenate(rows), np.concatenate(labels)


def classify(
    subset: Path, seed: int, size: int = 224, epochs: tuple[int, int] = (10, 12)
) -> dict[str, float]:
    """Train EfficientNet-Lite0: a head, then the upper half with it.

    The base is that of the project, whose ImageNet weights are installed; the ranges of the
    augmentation are those of params.yaml.

    Parameters
    ----------
    epochs : at most, of the head and of both.

    Returns
    -------
    The accuracy on the test and on the validation pictures, the test loss, the number of test
    pictures, and the seconds.
    """
    import keras
    from keras import layers

    from vision.networks import backbones, parts
    from vision.networks.extractor import build_extractor
    from vision.params import BackboneSettings

    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    name = "efficientnet_lite0"
    settings = BackboneSettings(
        name=name, weights="imagenet", preprocessing="published", pooling="avg", image_size=size
    )
    extractor = build_extractor(settings, WEIGHTS)
    train, validation, test = (
        dataset(subset / split, size, 32, shuffle=split == "train", seed=seed)
        for split in ("train", "validation", "test")
    )
    outputs = layers.Dropout(0.2)(extractor.output)
    outputs = layers.Dense(len(train.class_names), "softmax")(outputs)
    classifier = keras.Model(extractor.input, outputs)
    augmentation = [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(10 / 360),
        layers.RandomZoom(0.1),
        layers.RandomTranslation(0.05, 0.05),
        layers.RandomContrast(0.1),
    ]
    inputs = keras.Input(extractor.input.shape[1:])
    model = keras.Model(inputs, classifier(keras.Sequential(augmentation)(inputs)))

    def fit(rate: float, epochs: int) -> None:
        loss = "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
        model.fit(train, validation_data=validation, epochs=epochs, callbacks=[stop], verbose=2)

    fit(1e-3, epochs[0])
    backbones.unfreeze(parts.conv_base(classifier), name, "block4a")
    fit(1e-4, epochs[1])
    loss, accuracy = model.evaluate(test, verbose=0)
    return {
        "test": accuracy,
        "validation": model.evaluate(validation, verbose=0)[1],
        "test_loss": loss,
        "pictures": len(test.file_paths),
        "seconds": round(time.monotonic() - start, 1),
    }


if __name__ == "__main__":
    # It chooses the faster kernels, and says nothing.
    import vision  # noqa: F401

    print(json.dumps(classify(Path(sys.argv[1]), int(sys.argv[2]))))
