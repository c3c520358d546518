"""The loss, the measures and the optimizer of a training."""

from collections.abc import Callable, Mapping
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from vision.params import ClassWeight

_MOMENTUM = 0.9


def named(split: str, measures: Mapping[str, float]) -> dict[str, float]:
    """Name what the metrics measured on a split as the history does."""
    return {f"{split}_loss": measures["cross_entropy"], f"{split}_accuracy": measures["accuracy"]}


def class_weights(wanted: ClassWeight, labels: np.ndarray) -> np.ndarray:
    """Return what a picture of each class counts in the loss; the mean over all pictures is 1.

    balanced: pictures / (classes * pictures of the class), as scikit-learn has it (G. King and
    L. Zeng, "Logistic regression in rare events data", 2001). none: 1.

    Parameters
    ----------
    labels : the class number of each picture, shape (pictures,).

    Returns
    -------
    float32, shape (greatest class number + 1,).
    """
    counts = np.bincount(labels)
    if wanted == "none":
        return np.ones(len(counts), np.float32)
    balanced = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return balanced.astype(np.float32)


def loss(model: keras.Model, weights: np.ndarray) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return the cross-entropy of a model's probabilities, of one sigmoid unit or of a softmax.

    Parameters
    ----------
    weights : what a picture of each class counts; see `class_weights`.

    Returns
    -------
    The function from labels, in a column, and probabilities to the mean.
    """
    cross_entropy = (
        keras.losses.BinaryCrossentropy()
        if model.output.shape[-1] == 1
        else keras.losses.SparseCategoricalCrossentropy()
    )
    if (weights == 1).all():
        return cross_entropy
    of_classes = tf.constant(weights)
    return lambda labels, probabilities: cross_entropy(
        labels, probabilities, tf.gather(of_classes, labels[:, 0])
    )


def measures(
    model: keras.Model, weights: np.ndarray
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Return the function from labels and a model's probabilities to accuracy and cross-entropy.

    The cross-entropy is without the L2 penalty that training adds to it, and weighted as in `loss`;
    the accuracy is the share that is right, whatever the weights.
    """
    of_one_unit = model.output.shape[-1] == 1
    cross_entropy = loss(model, weights)

    def measure(labels: tf.Tensor, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        predicted = probabilities > 0.5 if of_one_unit else tf.argmax(probabilities, 1)[:, None]
        right = tf.equal(tf.cast(predicted, labels.dtype), labels)
        return {
            "accuracy": tf.reduce_mean(tf.cast(right, tf.float32)),
            "cross_entropy": cross_entropy(labels, probabilities),
        }

    return measure


def optimizer(
    name: Literal["adam", "rmsprop", "sgd"],
    learning_rate: float,
    schedule: Literal["cosine", "constant"],
    steps: int,
) -> keras.optimizers.Optimizer:
    """Return an optimizer for a training of so many steps.

    Parameters
    ----------
    learning_rate : of the first step.
    schedule : cosine, where the learning rate falls to 0 over all steps along half of one
        (Loshchilov and Hutter, "SGDR", ICLR 2017); or constant.
    """
    if schedule == "cosine" and steps:
        learning_rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=_MOMENTUM)
    kinds = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    return kinds[name](learning_rate)
