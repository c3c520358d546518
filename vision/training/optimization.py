"""The loss, the measures and the optimizer of a training."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.utils.class_weight import compute_sample_weight

from vision.params import ClassWeight

_MOMENTUM = 0.9


def named(split: str, measures: Mapping[str, float]) -> dict[str, float]:
    """Name what the metrics measured on a split as the history does."""
    return {f"{split}_loss": measures["cross_entropy"], f"{split}_accuracy": measures["accuracy"]}


def sample_weights(class_weight: ClassWeight, labels: Sequence, weights: np.ndarray) -> np.ndarray:
    """Return what each picture counts in the loss, 1 in the mean.

    none: 1. balanced: pictures / (classes * pictures of its class), so that each class counts the
    same (G. King and L. Zeng, "Logistic regression in rare events data", 2001); and within a class
    in proportion to the weights.

    Parameters
    ----------
    labels : the class of each picture, by number or by name.
    weights : what each counts beside others of its class, above 0, shape (pictures,).

    Returns
    -------
    float32, shape (pictures,).
    """
    if class_weight == "none":
        return np.ones(len(weights), np.float32)
    within = weights / pd.Series(weights).groupby(np.asarray(labels)).transform("mean").to_numpy()
    return (compute_sample_weight(class_weight, labels) * within).astype(np.float32)


def loss(model: keras.Model) -> keras.losses.Loss:
    """Return the cross-entropy of a model's probabilities, of one sigmoid unit or of a softmax."""
    if model.output.shape[-1] == 1:
        return keras.losses.BinaryCrossentropy()
    return keras.losses.SparseCategoricalCrossentropy()


def measures(
    model: keras.Model,
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Return the function from labels, a model's probabilities and sample weights to two measures.

    The cross-entropy, without the L2 penalty that training adds to it; and the accuracy, which is
    the share that is right, whatever the weights.
    """
    of_one_unit = model.output.shape[-1] == 1
    cross_entropy = loss(model)

    def measure(
        labels: tf.Tensor, probabilities: tf.Tensor, sample_weights: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        predicted = probabilities > 0.5 if of_one_unit else tf.argmax(probabilities, 1)[:, None]
        right = tf.equal(tf.cast(predicted, labels.dtype), labels)
        return {
            "accuracy": tf.reduce_mean(tf.cast(right, tf.float32)),
            "cross_entropy": cross_entropy(labels, probabilities, sample_weights),
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
