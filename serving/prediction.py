"""The prediction of one picture, or why there is none."""

import os
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """The prediction of one picture.

    Attributes
    ----------
    file : as it was named.
    label : the most probable class.
    probability : of that class, calibrated, 0 to 1.
    unsure : whether that is too little to rely on.
    probabilities : of each class, calibrated, in the order of the classes.
    """

    file: str
    label: str
    probability: float
    unsure: bool
    probabilities: np.ndarray


@dataclass(frozen=True)
class Unread:
    """A file that is no picture, or can't be read, and why."""

    file: str
    reason: str


def what_failed(error: OSError) -> str:
    """Return the system's reason without the file's name, which stands beside it."""
    return os.strerror(error.errno) if error.errno else str(error)
