"""Trains a model on batches, watches the validation loss, keeps the best weights."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from vision.models import calibration
from vision.models.description import class_probabilities
from vision.runtime.errors import UserError
from vision.training import optimization
from vision.training.batches import Batches
from vision.training.checkpoint import Checkpoint
from vision.training.optimization import named
from vision.training.progress import OnEpoch, Progress, Settings

_AT_ONCE = 16_000_000  # bytes of the batches that one call of TensorFlow takes
_MEASURES = ("loss", "accuracy", "cross_entropy")


class DivergedError(UserError):
    """The loss is no number any more: the learning rate is too high."""


def fit(
    model: keras.Model,
    train: Batches,
    validation: Batches,
    settings: Settings,
    learning_rate: float,
    checkpoint: Checkpoint | None = None,
    on_epoch: OnEpoch | None = None,
    calibrated: bool = False,
) -> tuple[pd.DataFrame, dict[str, float | int]]:
    """Train what is trainable in a model, and leave it with its best weights.

    Best is the least validation loss, which is the cross-entropy without penalties; the weights
    before the first epoch compete, so that training never makes a model worse by that measure.
    In all losses, an example counts as much as its sample weight says.

    Parameters
    ----------
    model : gives probabilities, of one sigmoid unit or of a softmax.
    learning_rate : the first step's.
    checkpoint : where each finished epoch is saved. A training that it holds goes on from there,
        to the same bytes as if it had never stopped.
    on_epoch : called after each epoch, with the history so far.
    calibrated : whether validation losses are those at the temperature that suits the epoch, as
        the model is used in the end. A network that grows too sure of itself, as one does that
        learns its training pictures by heart, is not taken for one that grows worse.

    Returns
    -------
    The history, one row an epoch: epoch, from 1; train_loss, train_accuracy, validation_loss and
    validation_accuracy. And the summary: epochs; best_epoch, 0 where training made nothing
    better; its validation_loss and validation_accuracy; and the same before training.

    Raises
    ------
    DivergedError
        The weights are of no use then.
    """
    optimizer = optimization.optimizer(
        settings.optimizer, learning_rate, settings.schedule, len(train) * settings.epochs
    )
    optimizer.build(model.trainable_variables)
    train_steps = _compiled_steps(model, optimizer)
    evaluate = (calibrated_measures if calibrated else _uncalibrated_measures)(model, validation)

    progress = Progress(model, settings, optimizer)
    stored = checkpoint.load() if checkpoint else None
    if stored:
        progress.restore(*stored)
        print(f"goes on after epoch {progress.epochs}, where it was interrupted")
    else:
        progress.add(evaluate())
    while not progress.finished:
        epoch = progress.epochs
        measured = _run(train_steps, train, epoch, "train", f"epoch {epoch + 1}") | evaluate()
        if not np.isfinite(list(measured.values())).all():
            raise DivergedError(
                f"training diverged in epoch {epoch + 1}; "
                f"lower the learning rate ({learning_rate:g})"
            )
        progress.add(measured)
        if checkpoint:
            checkpoint.save(*progress.state())
        if on_epoch:
            on_epoch(progress.history())
        progress.print()
    return progress.finish()


def _uncalibrated_measures(
    model: keras.Model, validation: Batches
) -> Callable[[], dict[str, float]]:
    """Give what measures a model as it is."""
    steps = _compiled_steps(model)
    return lambda: _run(steps, validation, 0, "validation", "validation")


def calibrated_measures(model: keras.Model, validation: Batches) -> Callable[[], dict[str, float]]:
    """Give what measures a model at the temperature that suits it."""
    signature = tf.TensorSpec((None, *model.input.shape[1:]))
    predict = tf.function(lambda inputs: model(inputs, training=False), [signature])

    def evaluate() -> dict[str, float]:
        outputs = np.concatenate([predict(inputs) for inputs, *_ in validation.epoch(0)])
        if not np.isfinite(outputs).all():
            return named("validation", dict.fromkeys(("cross_entropy", "accuracy"), math.nan))
        labels, probabilities = validation.labels, class_probabilities(outputs)
        weights = validation.sample_weights
        temperature = calibration.fit_temperature(labels, probabilities, weights)
        of_labels = calibration.scale(probabilities, temperature)[np.arange(len(labels)), labels]
        measures = {
            "cross_entropy": (weights * -np.log(np.maximum(of_labels, calibration.LEAST))).mean(),
            "accuracy": (probabilities.argmax(axis=1) == labels).mean(),
        }
        return named("validation", {name: float(value) for name, value in measures.items()})

    return evaluate


# Takes a step on each of the batches that are stacked in its arguments, and gives their measures.
_CompiledSteps = Callable[[np.ndarray, np.ndarray, np.ndarray], Mapping[str, tf.Tensor]]


def _compiled_steps(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | None = None
) -> _CompiledSteps:
    """Compile steps on many batches, one after the other; without an optimizer, they only measure.

    TensorFlow is called once for all of them: a step of a head takes less than the call.
    """
    wanted = optimization.loss(model)
    measured = optimization.measures(model)
    variables = model.trainable_variables

    def step(batch: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        inputs, labels, sample_weights = batch
        with tf.GradientTape() as tape:
            probabilities = model(inputs, training=optimizer is not None)
            total = wanted(labels, probabilities, sample_weights) + sum(model.losses)
        if optimizer is not None:
            optimizer.apply(tape.gradient(total, variables), variables)
        return measured(labels, probabilities, sample_weights) | {"loss": total}

    def all_steps(*stacked: tf.Tensor) -> dict[str, tf.Tensor]:
        numbers = dict.fromkeys(_MEASURES, tf.float32)
        return tf.map_fn(step, stacked, parallel_iterations=1, fn_output_signature=numbers)

    batches = (None, None)  # how many, and how large
    signature = [
        tf.TensorSpec((*batches, *model.input.shape[1:])),
        tf.TensorSpec((*batches, 1), tf.int64),
        tf.TensorSpec(batches),
    ]
    return tf.function(all_steps, signature, autograph=False)


def _run(
    compiled: _CompiledSteps, batches: Batches, epoch: int, split: str, progress: str
) -> dict[str, float]:
    """Take a step for each batch of an epoch, and give the mean measures of its examples.

    Keras' own loop, `fit`, takes its batches from a tf.data pipeline, whose threads are in the way
    of those that compute: the same steps took half as long again.
    """
    sums: dict[str, float] = defaultdict(float)
    with tqdm(desc=progress, total=len(batches), disable=None, leave=False) as bar:
        for inputs, labels, sample_weights in _stacked(batches.epoch(epoch)):
            for name, means in compiled(inputs, labels, sample_weights).items():
                for mean in means.numpy():
                    sums[name] += float(mean) * labels.shape[1]
            if not np.isfinite(sums["loss"]):
                return named(split, dict.fromkeys(sums, math.nan))
            bar.update(len(inputs))
    return named(split, {name: total / len(batches.labels) for name, total in sums.items()})


def _stacked(
    batches: Iterable[tuple[np.ndarray, ...]],
) -> Iterator[tuple[np.ndarray, ...]]:
    """Stack batches of one size, as many as `_AT_ONCE` allows, but one at least; one uncopied."""
    for size, alike in groupby(batches, key=lambda batch: batch[0].nbytes):
        most = max(_AT_ONCE // size, 1)
        while some := list(islice(alike, most)):
            yield tuple(
                part[0][np.newaxis] if len(part) == 1 else np.stack(part)
                for part in zip(*some, strict=True)
            )
