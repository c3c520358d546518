"""Trains a model on batches, watches the validation loss, keeps the best weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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

_MOMENTUM = 0.9


class Settings(Protocol):
    """The optimizer, the epochs at most, and the patience.

    That is how many epochs without a better validation loss end the training.
    """

    optimizer: Literal["adam", "rmsprop", "sgd"]
    epochs: int
    patience: int


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
    schedule: Literal["cosine", "constant"] = "cosine",
) -> tuple[pd.DataFrame, dict[str, float | int]]:
    """Train what is trainable in a model, and leave it with its best weights.

    Best is the least validation loss, which is the cross-entropy without penalties; the weights
    before the first epoch compete, so that training never makes a model worse by that measure.

    Parameters
    ----------
    model : gives probabilities, of one sigmoid unit or of a softmax.
    learning_rate : the first step's.
    checkpoint : where each finished epoch is saved. A training that it holds goes on from there,
        to the same bytes as if it had never stopped.
    schedule : cosine, where the learning rate falls to 0 over all the epochs along half of one
        (Loshchilov and Hutter, "SGDR", ICLR 2017); or constant.

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
    # Compiled apart from the model, which is then saved without an optimizer's state.
    trained = keras.Model(model.input, model.output)
    rate: float | keras.optimizers.schedules.LearningRateSchedule = learning_rate
    if schedule == "cosine":
        steps = len(train) * settings.epochs
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    trained.compile(
        optimizer=_optimizer(settings.optimizer, rate),
        loss=_loss(model),
        metrics=["accuracy", _cross_entropy(model)],
        jit_compile=False,
    )
    trained.optimizer.build(trained.trainable_variables)
    progress = _Progress(trained, settings)
    stored = checkpoint.load() if checkpoint else None
    if stored:
        progress.restore(*stored)
        print(f"goes on after epoch {progress.epochs}, where it was interrupted")
    else:
        progress.add(_evaluate(trained, validation))
    while not progress.finished:
        measures = _train(trained, train, progress.epochs)
        if not np.isfinite(measures["train_loss"]):
            raise UserError(
                f"training diverged in epoch {progress.epochs + 1}; "
                f"lower the learning rate ({learning_rate:g})"
            )
        progress.add(measures | _evaluate(trained, validation))
        if checkpoint:
            checkpoint.save(*progress.state())
        progress.tell()
    trained.set_weights(progress.best_weights)
    before, best = progress.rows[0], progress.rows[progress.best_epoch]
    return pd.DataFrame(progress.rows[1:]), {
        "epochs": progress.epochs,
        "best_epoch": progress.best_epoch,
        "validation_loss": best["validation_loss"],
        "validation_accuracy": best["validation_accuracy"],
        "validation_loss_before": before["validation_loss"],
        "validation_accuracy_before": before["validation_accuracy"],
    }


class _Progress:
    """How far a training is: what it measured, its best weights, and whether it is over.

    Attributes
    ----------
    rows : the measures before training and after each epoch.
    best_weights : those of the row with the least validation loss.
    """

    def __init__(self, trained: keras.Model, settings: Settings):
        self._trained = trained
        self._settings = settings
        self.rows: list[dict[str, float | int]] = []
        self.best_weights: list[np.ndarray] = []

    def add(self, measures: dict[str, float]) -> None:
        """Take in the measures before training, or after one more epoch."""
        self.rows.append({"epoch": len(self.rows)} | measures)
        if self.best_epoch == self.epochs:
            self.best_weights = self._trained.get_weights()

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
        return [*self._trained.variables, *self._trained.optimizer.variables]

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

    def tell(self) -> None:
        """Print the last row."""
        measures = (f"{name} {value:.4f}" for name, value in list(self.rows[-1].items())[1:])
        print(f"epoch {self.epochs} of {self._settings.epochs}:", ", ".join(measures), flush=True)


def _train(trained: keras.Model, batches: Batches, epoch: int) -> dict[str, float]:
    measures = trained.fit(
        _dataset(trained, batches, epoch, f"epoch {epoch + 1}"),
        callbacks=[keras.callbacks.TerminateOnNaN()],
        shuffle=False,  # Batches does it
        verbose=0,
    ).history
    return {"train_loss": measures["cross_entropy"][0], "train_accuracy": measures["accuracy"][0]}


def _evaluate(trained: keras.Model, batches: Batches) -> dict[str, float]:
    measures = trained.evaluate(
        _dataset(trained, batches, 0, "validation"), return_dict=True, verbose=0
    )
    return {
        "validation_loss": measures["cross_entropy"],
        "validation_accuracy": measures["accuracy"],
    }


def _dataset(trained: keras.Model, batches: Batches, epoch: int, progress: str) -> tf.data.Dataset:
    """Give an epoch in the form that Keras takes, of batches of any size at the same cost."""

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield from tqdm(batches.epoch(epoch), progress, len(batches), disable=None, leave=False)

    signature = (
        tf.TensorSpec(trained.input.shape, trained.input.dtype),
        tf.TensorSpec((None, 1), batches.labels.dtype),
    )
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))


def _loss(model: keras.Model) -> keras.losses.Loss:
    if model.output.shape[-1] == 1:
        return keras.losses.BinaryCrossentropy()
    return keras.losses.SparseCategoricalCrossentropy()


def _cross_entropy(model: keras.Model) -> keras.metrics.Metric:
    """Measure the loss without the L2 penalty, which Keras adds to what it calls the loss."""
    if model.output.shape[-1] == 1:
        return keras.metrics.BinaryCrossentropy(name="cross_entropy")
    return keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy")


def _optimizer(
    name: str, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> keras.optimizers.Optimizer:
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=_MOMENTUM)
    return {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[name](learning_rate)
