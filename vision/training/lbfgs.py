"""Trains a small model to its optimum: each step of L-BFGS is on all examples at once.

D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization",
Mathematical Programming 45, 1989, as SciPy has it. It needs no learning rate; and what it minimises
has but one optimum where the model is logistic regression, as a head without a hidden layer is.
"""

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
    inputs, labels, sample_weights = sets["train"]
    cross_entropy = optimization.loss(model)
    measures = optimization.measures(model)
    weights = [variable.value for variable in model.trainable_variables]
    ends = np.cumsum([weight.shape.num_elements() for weight in weights])

    @tf.function
    def value_and_gradients() -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            probabilities = model(inputs, training=False)
            value = cross_entropy(labels, probabilities, sample_weights) + sum(model.losses)
        return value, tape.gradient(value, weights)

    def assign(point: np.ndarray) -> None:
        for weight, part in zip(weights, np.split(point, ends[:-1]), strict=True):
            weight.assign(part.reshape(weight.shape))

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        assign(point)
        value, gradients = value_and_gradients()
        return float(value), _flat(gradients)

    def measure(split: str) -> dict[str, float]:
        inputs, labels, sample_weights = sets[split]
        measured = measures(labels, model(inputs, training=False), sample_weights)
        digits = {name: round(float(value), 7) for name, value in measured.items()}  # float32's
        return optimization.named(split, digits)

    def after_step(point: np.ndarray) -> None:
        assign(point)
        progress.add(measure("train") | measure("validation"))
        if on_epoch:
            on_epoch(progress.history())
        if progress.finished:
            raise StopIteration

    progress.add(measure("validation"))
    minimize(
        objective,
        _flat(weights),
        jac=True,
        method="L-BFGS-B",
        callback=after_step,
        options={"gtol": _GRADIENT, "ftol": 0, "maxiter": settings.epochs},
    )
    return progress.finish()


def _tensors(examples: Examples) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Give examples to TensorFlow, their labels in a column."""
    inputs, labels, sample_weights = examples
    return tf.constant(inputs), tf.constant(labels[:, np.newaxis]), tf.constant(sample_weights)


def _flat(parts: list[tf.Tensor]) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float64)
