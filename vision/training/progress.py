"""How far a training is: what it measured, its best weights, and whether it is over."""

from collections.abc import Callable
from typing import Literal, Protocol

import keras
import numpy as np
import pandas as pd

from vision.training.checkpoint import Arrays

# Called after an epoch, with the history so far.
OnEpoch = Callable[[pd.DataFrame], None]

HISTORY = ["epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]


class Settings(Protocol):
    """The optimizer, the schedule of its learning rate, the epochs at most, and the patience.

    The patience is how many epochs without a better validation loss end the training.
    """

    optimizer: Literal["adam", "rmsprop", "sgd"]
    schedule: Literal["cosine", "constant"]
    epochs: int
    patience: int


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
        return pd.DataFrame(self.rows[1:], columns=HISTORY)

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
