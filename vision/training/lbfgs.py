"""Trains a small model to its optimum: each step of L-BFGS is on all examples at once.

D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization",
Mathematical Programming 45, 1989, as SciPy has it. It needs no learning rate; and what it minimises
has but one optimum where the model is logistic regression, as a head without a hidden layer is.
"""

from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.optimize import minimize

from vision.training import optimization
from vision.training.progress import OnEpoch, Progress, Settings

# The largest part of the gradient at which the optimum is reached: float32 carries no further.
_GRADIENT = 1e-5

Examples = tuple[np.ndarray, np.ndarray, np.ndarray]


def fit(
    model: keras.Model,
    train: Examples,
    validation: Examples,
    settings: Settings,
    on_epoch: OnEpoch | None = None,
) -> tuple[pd.DataFrame, dict[str, float | int]]:
    """Train a model without dropout, and leave it with its best weights, as `loop.fit` does.

    An epoch is a step. The training is over at the optimum, or as the settings say.

    Parameters
    ----------
    model : gives probabilities, of one sigmoid unit or of a softmax; its penalties count.
    train, validation : inputs, shape (examples, features); and the class number of each and what
        it counts in the loss, 1 in the mean, shape (examples,).
    settings : the epochs at most, and the patience.
    on_epoch : called after each epoch, with the history so far.

    Returns
    -------
    The history and the summary of `loop.fit`.
    """
    progress = Progress(model, settings)
    sets = {"train": _tensors(train), "validation": _tensors(validation)}
    cross_entropy = optimization.loss(model)
    measures = optimization.measures(model)
    weights = [variable.value for variable in model.trainable_variables]
    ends = np.cumsum([weight.shape.num_elements() for weight in weights])
    evaluated: dict[bytes, dict[str, float]] = {}  # at the last point, of the training examples

    @tf.function
    def value_and_gradients() -> tuple[tf.Tensor, list[tf.Tensor], dict[str, tf.Tensor]]:
        inputs, labels, sample_weights = sets["train"]
        with tf.GradientTape() as tape:
            probabilities = model(inputs, training=False)
            value = cross_entropy(labels, probabilities, sample_weights) + sum(model.losses)
        measured = measures(labels, probabilities, sample_weights)
        return value, tape.gradient(value, weights), measured

    @tf.function
    def on_validation() -> dict[str, tf.Tensor]:
        inputs, labels, sample_weights = sets["validation"]
        return measures(labels, model(inputs, training=False), sample_weights)

    def assign(point: np.ndarray) -> None:
        for weight, part in zip(weights, np.split(point, ends[:-1]), strict=True):
            weight.assign(part.reshape(weight.shape))

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        assign(point)
        value, gradients, measured = value_and_gradients()
        evaluated.clear()
        evaluated[point.tobytes()] = _named("train", measured)
        return float(value), _flat(gradients)

    def after_step(point: np.ndarray) -> None:
        if point.tobytes() not in evaluated:
            objective(point)
        progress.add(evaluated[point.tobytes()] | _named("validation", on_validation()))
        if on_epoch:
            on_epoch(progress.history())
        if progress.finished:
            raise StopIteration

    progress.add(_named("validation", on_validation()))
    minimize(
        objective,
        _flat(weights),
        jac=True,
        method="L-BFGS-B",
        callback=after_step,
        options={"gtol": _GRADIENT, "ftol": 0, "maxiter": settings.epochs},
    )
    return progress.finish()


def _named(split: str, measured: Mapping[str, tf.Tensor]) -> dict[str, float]:
    digits = {name: round(float(value), 7) for name, value in measured.items()}  # float32's
    return optimization.named(split, digits)


def _tensors(examples: Examples) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Give examples to TensorFlow, their labels in a column."""
    inputs, labels, sample_weights = examples
    return tf.constant(inputs), tf.constant(labels[:, np.newaxis]), tf.constant(sample_weights)


def _flat(parts: list[tf.Tensor]) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float64)
