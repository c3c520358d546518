"""What a training minimises and measures, and the steps by which it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import keras
import tensorflow as tf

_MOMENTUM = 0.9


@dataclass(frozen=True)
class Steps:
    """How the steps of a training are taken.

    Attributes
    ----------
    schedule : cosine, where the learning rate falls to 0 over all the epochs along half of one
        (Loshchilov and Hutter, "SGDR", ICLR 2017); or constant.
    warmup : the share of all steps in which the learning rate first rises from 0 in a line.
    weight_decay : the share of the kernels that a step at a learning rate of 1 would take off
        (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019).
    label_smoothing : the share of a label's probability that is spread over all classes
        (Szegedy et al., "Rethinking the Inception architecture", CVPR 2016).
    factors : of the learning rate, by the `id` of a variable; of all others, 1.
    """

    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    factors: Mapping[int, float] = field(default_factory=dict)


def named(split: str, measures: Mapping[str, float]) -> dict[str, float]:
    """Name what the metrics measured on a split as the history does."""
    return {f"{split}_loss": measures["cross_entropy"], f"{split}_accuracy": measures["accuracy"]}


def loss(model: keras.Model, label_smoothing: float = 0.0) -> Callable:
    """Give the cross-entropy of a model's probabilities, of one sigmoid unit or of a softmax."""
    classes = model.output.shape[-1]
    if classes == 1:
        return keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing)
    if not label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy()
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)

    def of_numbers(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        return smoothed(keras.ops.one_hot(labels[:, 0], classes), probabilities)

    return of_numbers


def measures(model: keras.Model) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Give what measures a model's probabilities, given the labels first.

    That are the accuracy, and the cross-entropy without what training adds to it: the L2 penalty,
    and what smoothed labels do.
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


def rate(
    learning_rate: float, count: int, steps: Steps
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Give the learning rate of each of so many steps."""
    if not count or (steps.schedule == "constant" and not steps.warmup):
        return learning_rate
    warmup = round(count * steps.warmup)
    falls_to = 0.0 if steps.schedule == "cosine" else 1.0
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(learning_rate, count, falls_to)
    return keras.optimizers.schedules.CosineDecay(
        0.0, count - warmup, falls_to, warmup_target=learning_rate, warmup_steps=warmup
    )


def optimizer(
    name: str, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule, steps: Steps
) -> keras.optimizers.Optimizer:
    kinds = {
        "adam": keras.optimizers.Adam,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
    }
    momentum = {"momentum": _MOMENTUM} if name == "sgd" else {}

    class Optimizer(kinds[name]):
        """Takes each variable's own factor of the learning rate."""

        def update_step(
            self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
        ) -> None:
            # TensorFlow hands over what is inside Keras' own variable.
            own = self._trainable_variables[self._get_variable_index(variable)]
            factor = steps.factors.get(id(own), 1.0)
            super().update_step(gradient, variable, learning_rate * factor)

    built = Optimizer(learning_rate, weight_decay=steps.weight_decay or None, **momentum)
    if steps.weight_decay:
        built.exclude_from_weight_decay(var_names=["bias"])
    return built
