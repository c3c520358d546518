"""The loss, the measures and the optimizer of a training."""

from collections.abc import Callable, Mapping
from typing import Literal

import keras
import tensorflow as tf

_MOMENTUM = 0.9


def named(split: str, measures: Mapping[str, float]) -> dict[str, float]:
    """Name what the metrics measured on a split as the history does."""
    return {f"{split}_loss": measures["cross_entropy"], f"{split}_accuracy": measures["accuracy"]}


def loss(model: keras.Model) -> keras.losses.Loss:
    """Return the cross-entropy of a model's probabilities, of one sigmoid unit or of a softmax."""
    if model.output.shape[-1] == 1:
        return keras.losses.BinaryCrossentropy()
    return keras.losses.SparseCategoricalCrossentropy()


def measures(model: keras.Model) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Return the function from labels and a model's probabilities to accuracy and cross-entropy.

    The cross-entropy is without the L2 penalty that training adds to it.
    """
    of_one_unit = model.output.shape[-1] == 1
    cross_entropy = loss(model)

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
