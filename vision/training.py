"""Trains a model on batches, watches the validation loss, keeps the best weights."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Literal, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from vision.ahead import load_ahead
from vision.checkpoint import Arrays, Checkpoint
from vision.errors import UserError

Loader = Callable[[np.ndarray, int], np.ndarray]
# Is given the history so far.
Tell = Callable[[pd.DataFrame], None]

_MOMENTUM = 0.9
_AT_ONCE = 16_000_000  # bytes of the batches that one call of TensorFlow takes
_MEASURES = ("loss", "accuracy", "cross_entropy")
_HISTORY = ["epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]


class Settings(Protocol):
    """The optimizer, the epochs at most, and the patience.

    That is how many epochs without a better validation loss end the training.
    """

    optimizer: Literal["adam", "rmsprop", "sgd"]
    epochs: int
    patience: int


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


@dataclass(frozen=True)
class Batches:
    """A labelled set, in batches.

    Attributes
    ----------
    load : gives the inputs of some examples in an epoch, from their indices, shape (examples,),
        and the epoch, counted from 0; called from threads.
    labels : the class number of each example, shape (examples,).
    shuffle_seed : gives each epoch an order of its own; None keeps the order.
    """

    load: Loader
    labels: np.ndarray
    batch_size: int
    shuffle_seed: int | None = None

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield one batch of an epoch after another: inputs, and labels in a column.

        A column, since that is the shape of a sigmoid unit's output.
        """
        order = np.arange(len(self.labels))
        if self.shuffle_seed is not None:
            np.random.default_rng([self.shuffle_seed, number]).shuffle(order)
        chosen = np.split(order, range(self.batch_size, len(order), self.batch_size))
        inputs = load_ahead(lambda examples: self.load(examples, number), chosen)
        labels = (self.labels[examples, np.newaxis] for examples in chosen)
        yield from zip(inputs, labels, strict=True)


def fit(
    model: keras.Model,
    train: Batches,
    validation: Batches,
    settings: Settings,
    learning_rate: float,
    checkpoint: Checkpoint | None = None,
    steps: Steps = Steps(),
    tell: Tell | None = None,
) -> tuple[pd.DataFrame, dict[str, float | int]]:
    """Train what is trainable in a model, and leave it with its best weights.

    Best is the least validation loss, which is the cross-entropy without penalties; the weights
    before the first epoch compete, so that training never makes a model worse by that measure.

    Parameters
    ----------
    model : gives probabilities, of one sigmoid unit or of a softmax.
    learning_rate : the first step's, or the highest one's where it is warmed up.
    checkpoint : where each finished epoch is saved. A training that it holds goes on from there,
        to the same bytes as if it had never stopped.
    tell : called after each epoch, with the history so far.

    Returns
    -------
    The history, one row an epoch: epoch, from 1; train_loss, train_accuracy, validation_loss and
    validation_accuracy. And the summary: epochs; best_epoch, 0 where training made nothing
    better; its validation_loss and validation_accuracy; and the same before training.

    Raises
    ------
    UserError
        The loss is no number any more: the learning rate is too high.
    """
    optimizer = _optimizer(
        settings.optimizer, _rate(learning_rate, len(train) * settings.epochs, steps), steps
    )
    optimizer.build(model.trainable_variables)
    train_in_turn = _in_turn(model, steps.label_smoothing, optimizer)
    evaluate_in_turn = _in_turn(model)

    def evaluate() -> dict[str, float]:
        return _run(evaluate_in_turn, validation, 0, "validation", "validation")

    progress = Progress(model, settings, optimizer)
    stored = checkpoint.load() if checkpoint else None
    if stored:
        progress.restore(*stored)
        print(f"goes on after epoch {progress.epochs}, where it was interrupted")
    else:
        progress.add(evaluate())
    while not progress.finished:
        epoch = progress.epochs
        measured = _run(train_in_turn, train, epoch, "train", f"epoch {epoch + 1}") | evaluate()
        if not np.isfinite(list(measured.values())).all():
            raise UserError(
                f"training diverged in epoch {epoch + 1}; "
                f"lower the learning rate ({learning_rate:g})"
            )
        progress.add(measured)
        if checkpoint:
            checkpoint.save(*progress.state())
        if tell:
            tell(progress.history())
        progress.print()
    return progress.finish()


class Progress:
    """How far a training is: what it measured, its best weights, and whether it is over.

    Parameters
    ----------
    model : with its weights as they are before training, where these are measured and added, or
        after the last epoch.
    optimizer : whose state `state` gives, too.

    Attributes
    ----------
    rows : the measures before training and after each epoch.
    best_weights : those of the row with the least validation loss.
    """

    def __init__(
        self,
        model: keras.Model,
        settings: Settings,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        self._model = model
        self._optimizer = optimizer
        self._settings = settings
        self.rows: list[dict[str, float | int]] = []
        self.best_weights: list[np.ndarray] = []

    def add(self, measures: dict[str, float]) -> None:
        """Take in the measures before training, or after one more epoch."""
        self.rows.append({"epoch": len(self.rows)} | measures)
        if self.best_epoch == self.epochs:
            self.best_weights = self._model.get_weights()

    def state(self) -> tuple[object, Arrays]:
        """Give all that the next epoch starts from, the state of the optimizer included."""
        now = [variable.numpy() for variable in self._variables()]
        return self.rows, {"now": now, "best": self.best_weights}

    def restore(self, rows: list[dict], arrays: Arrays) -> None:
        """Take up what `state` gave."""
        self.rows = rows
        self.best_weights = arrays["best"]
        for variable, value in zip(self._variables(), arrays["now"], strict=True):
            variable.assign(value)

    def _variables(self) -> list[keras.Variable]:
        # With the states of the dropout, which `weights` leaves out.
        return [*self._model.variables, *(self._optimizer.variables if self._optimizer else [])]

    @property
    def epochs(self) -> int:
        return len(self.rows) - 1

    @property
    def best_epoch(self) -> int:
        losses = [row["validation_loss"] for row in self.rows]
        return losses.index(min(losses))

    @property
    def finished(self) -> bool:
        """Whether all epochs are over, or as many since the best of them as patience bears."""
        losses = [row["validation_loss"] for row in self.rows[1:]]
        since_best = len(losses) - 1 - losses.index(min(losses)) if losses else 0
        return self.epochs == self._settings.epochs or since_best >= self._settings.patience

    def history(self) -> pd.DataFrame:
        """Give the measures of each epoch."""
        return pd.DataFrame(self.rows[1:], columns=_HISTORY)

    def print(self) -> None:
        """Print the last row."""
        measures = (f"{name} {value:.4f}" for name, value in list(self.rows[-1].items())[1:])
        print(f"epoch {self.epochs} of {self._settings.epochs}:", ", ".join(measures), flush=True)

    def finish(self) -> tuple[pd.DataFrame, dict[str, float | int]]:
        """Give the model its best weights; return the history and the summary, as `fit` does."""
        self._model.set_weights(self.best_weights)
        before, best = self.rows[0], self.rows[self.best_epoch]
        return self.history(), {
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "validation_loss": best["validation_loss"],
            "validation_accuracy": best["validation_accuracy"],
            "validation_loss_before": before["validation_loss"],
            "validation_accuracy_before": before["validation_accuracy"],
        }


# Takes a step on each of the batches that are stacked in its arguments, and gives their measures.
_InTurn = Callable[[np.ndarray, np.ndarray], Mapping[str, tf.Tensor]]


def _in_turn(
    model: keras.Model,
    label_smoothing: float = 0.0,
    optimizer: keras.optimizers.Optimizer | None = None,
) -> _InTurn:
    """Compile steps on many batches, one after the other; without an optimizer, they only measure.

    TensorFlow is called once for all of them: a step of a head takes less than the call.
    """
    wanted = loss(model, label_smoothing)
    measured = measures(model)
    variables = model.trainable_variables

    def step(batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        inputs, labels = batch
        with tf.GradientTape() as tape:
            probabilities = model(inputs, training=optimizer is not None)
            total = wanted(labels, probabilities) + sum(model.losses)
        if optimizer is not None:
            optimizer.apply(tape.gradient(total, variables), variables)
        return measured(labels, probabilities) | {"loss": total}

    def in_turn(inputs: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        numbers = dict.fromkeys(_MEASURES, tf.float32)
        return tf.map_fn(step, (inputs, labels), parallel_iterations=1, fn_output_signature=numbers)

    batches = (None, None)  # how many, and how large
    signature = [
        tf.TensorSpec((*batches, *model.input.shape[1:])),
        tf.TensorSpec((*batches, 1), tf.int64),
    ]
    return tf.function(in_turn, signature, autograph=False)


def _run(
    in_turn: _InTurn, batches: Batches, epoch: int, split: str, progress: str
) -> dict[str, float]:
    """Take a step for each batch of an epoch, and give the mean measures of its examples.

    Keras' own loop, `fit`, takes its batches from a tf.data pipeline, whose threads are in the way
    of those that compute: the same steps took half as long again.
    """
    sums: dict[str, float] = defaultdict(float)
    with tqdm(desc=progress, total=len(batches), disable=None, leave=False) as bar:
        for inputs, labels in _stacked(batches.epoch(epoch)):
            for name, means in in_turn(inputs, labels).items():
                for mean in means.numpy():
                    sums[name] += float(mean) * labels.shape[1]
            if not np.isfinite(sums["loss"]):
                return named(split, dict.fromkeys(sums, math.nan))
            bar.update(len(inputs))
    return named(split, {name: total / len(batches.labels) for name, total in sums.items()})


def _stacked(
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Stack batches of one size, as many as `_AT_ONCE` allows, but one at least; one uncopied."""
    for size, alike in groupby(batches, key=lambda batch: batch[0].nbytes):
        most = max(_AT_ONCE // size, 1)
        while some := list(islice(alike, most)):
            inputs, labels = (
                part[0][np.newaxis] if len(part) == 1 else np.stack(part)
                for part in zip(*some, strict=True)
            )
            yield inputs, labels


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


def _rate(
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


def _optimizer(
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

    optimizer = Optimizer(learning_rate, weight_decay=steps.weight_decay or None, **momentum)
    if steps.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer
