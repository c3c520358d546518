"""Trains a model on batches, watches the validation loss, keeps the best weights."""

import sys
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from vision.errors import UserError
from vision.params import Finetune, TrainHead

Loader = Callable[[np.ndarray, int], np.ndarray]

_MOMENTUM = 0.9
_HISTORY = {
    "cross_entropy": "train_loss",
    "accuracy": "train_accuracy",
    "val_cross_entropy": "validation_loss",
    "val_accuracy": "validation_accuracy",
}


class Batches(keras.utils.PyDataset):
    """Batches of a labelled set, loaded ahead in threads.

    Parameters
    ----------
    load : gives the inputs for the indices of some examples in an epoch; called from threads.
    labels : the class number of each example, shape (examples,).
    shuffle_seed : reshuffles in each epoch by this seed; None keeps the order.
    """

    def __init__(
        self, load: Loader, labels: np.ndarray, batch_size: int, shuffle_seed: int | None = None
    ):
        super().__init__(workers=2, max_queue_size=8)
        self._load = load
        self._labels = labels
        self._batch_size = batch_size
        self._shuffle_seed = shuffle_seed
        self._start_epoch(0)

    def _start_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self._order = np.arange(len(self._labels))
        if self._shuffle_seed is not None:
            np.random.default_rng([self._shuffle_seed, epoch]).shuffle(self._order)

    def on_epoch_end(self) -> None:
        self._start_epoch(self._epoch + 1)

    def __len__(self) -> int:
        return -(-len(self._labels) // self._batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        # A column, as the output of a sigmoid unit is one.
        return self._load(chosen, self._epoch), self._labels[chosen, np.newaxis]


def fit(
    model: keras.Model,
    train: Batches,
    validation: Batches,
    settings: TrainHead | Finetune,
    learning_rate: float,
) -> tuple[pd.DataFrame, dict[str, float | int]]:
    """Train what is trainable in a model, and leave it with its best weights.

    Best is the least validation loss, which is the cross-entropy without penalties; the weights
    before the first epoch compete, so that training never makes a model worse by that measure.

    Parameters
    ----------
    model : gives probabilities, of one sigmoid unit or of a softmax.
    learning_rate : the first step's; it falls to 0 over all the epochs along half a cosine
        (Loshchilov and Hutter, "SGDR", ICLR 2017).
    settings : the optimizer, the epochs at most, and the patience: how many epochs without a
        better validation loss end the training.

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
    trained.compile(
        optimizer=_optimizer(
            settings.optimizer,
            keras.optimizers.schedules.CosineDecay(learning_rate, len(train) * settings.epochs),
        ),
        loss=_loss(model),
        metrics=["accuracy", _cross_entropy(model)],
        jit_compile=False,
    )
    verbose = 1 if sys.stderr.isatty() else 2
    before = trained.evaluate(validation, return_dict=True, verbose=0)
    weights_before = trained.get_weights()
    keep_best = keras.callbacks.EarlyStopping(
        "val_cross_entropy", mode="min", patience=settings.patience, restore_best_weights=True
    )
    history = trained.fit(
        train,
        validation_data=validation,
        epochs=settings.epochs,
        callbacks=[keep_best, keras.callbacks.TerminateOnNaN()],
        shuffle=False,  # Batches does it, by its seed
        verbose=verbose,
    ).history
    rows = pd.DataFrame(history)[list(_HISTORY)].rename(columns=_HISTORY)
    rows.insert(0, "epoch", range(1, len(rows) + 1))
    if not np.isfinite(rows["train_loss"].iloc[-1]):
        raise UserError(
            f"training diverged in epoch {len(rows)}; lower the learning rate ({learning_rate:g})"
        )
    start = {
        "epoch": 0,
        "validation_loss": before["cross_entropy"],
        "validation_accuracy": before["accuracy"],
    }
    candidates = pd.DataFrame([start, *rows.to_dict("records")])
    best = candidates.loc[candidates["validation_loss"].idxmin()]
    if best["epoch"] == 0:
        trained.set_weights(weights_before)
    return rows, {
        "epochs": len(rows),
        "best_epoch": int(best["epoch"]),
        "validation_loss": float(best["validation_loss"]),
        "validation_accuracy": float(best["validation_accuracy"]),
        "validation_loss_before": before["cross_entropy"],
        "validation_accuracy_before": before["accuracy"],
    }


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
    name: str, learning_rate: keras.optimizers.schedules.LearningRateSchedule
) -> keras.optimizers.Optimizer:
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=_MOMENTUM)
    return {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[name](learning_rate)
