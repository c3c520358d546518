"""What one must know of a model to use it, and how to read what it gives.

Free of Keras, so that whoever only predicts does not wait for TensorFlow.
"""

import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Description:
    """What one must know of a model to use it: stored beside it as JSON.

    Attributes
    ----------
    classes : in the order of the probabilities.
    image_size : height and width in pixels that pictures are squeezed into.
    backbone : the name of the convolutional base.
    trained_from : the lowest block of it that was trained; NETWORK/BLOCK where it is of one of
        several networks, and the others are as they were; None: all of it is as it was.
    """

    classes: list[str]
    image_size: int
    backbone: str
    trained_from: str | None = None

    @classmethod
    def from_json(cls, text: str | bytes) -> "Description":
        """Read what `saving.save` wrote beside a model."""
        return cls(**json.loads(text))


def class_probabilities(outputs: np.ndarray) -> np.ndarray:
    """Give every class its column, also where a single sigmoid unit tells two classes apart.

    Parameters
    ----------
    outputs : a model's, shape (pictures, 1) or (pictures, classes).

    Returns
    -------
    Shape (pictures, classes), float64; rows add up to 1.
    """
    outputs = outputs.astype(np.float64)
    if outputs.shape[1] == 1:
        return np.hstack([1 - outputs, outputs])
    return outputs / outputs.sum(axis=1, keepdims=True)
