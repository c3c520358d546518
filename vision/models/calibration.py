"""Probabilities that mean what they say, and where a prediction is too unsure to be made.

A network's probabilities are often too sure of themselves, a small head's at times too timid.
Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017) divides
its log-probabilities by one number, the temperature, that is fitted on pictures it was not
trained on. It changes no prediction, only how sure it is.

What a prediction needs is numpy alone; what the fit needs is imported by the fit.
"""

import json
from dataclasses import dataclass

import numpy as np

# Probabilities below it, a 32-bit sigmoid's 0 among them, are taken for it: their logarithm is
# to stay finite.
LEAST = 1e-7
# Between which a temperature is sought: at 100 all classes are equally probable, nearly.
_TEMPERATURES = (0.01, 100)
# Standard deviation of a temperature's logarithm before any picture is seen: two in three lie
# between a half and 2.
_SPREAD = np.log(2)


@dataclass(frozen=True)
class Calibration:
    """How a model's probabilities are to be used: stored beside it as JSON.

    Attributes
    ----------
    mirror : whether they are to be the mean of those of a picture and of its mirror image.
    temperature : by which their logarithms are divided; above 1: the model was too sure.
    unsure_below : a prediction less probable than this is not to be relied on, 0 to 1. With two
        classes that is a band of the probability of either, 1 - unsure_below to unsure_below.
    """

    mirror: bool
    temperature: float
    unsure_below: float

    @classmethod
    def from_json(cls, text: str | bytes) -> "Calibration":
        return cls(**json.loads(text))

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrate probabilities, shape (pictures, classes), float64; rows add up to 1."""
        return scale(probabilities, self.temperature)

    def is_unsure(self, calibrated: np.ndarray) -> np.ndarray:
        """Tell which rows of calibrated probabilities are too unsure: bool, shape (pictures,)."""
        return calibrated.max(axis=1) < self.unsure_below


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logarithms of probabilities by a temperature; rows add up to 1 again."""
    powers = np.maximum(probabilities, LEAST) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def fit_temperature(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | float = 1.0
) -> float:
    """Find the temperature at which the cross-entropy is least.

    A weak prior holds it near 1, where it would have stood without the fit. Pictures that tell it
    outweigh that; but where hardly any prediction is wrong, the least cross-entropy alone would be
    at a temperature near 0, and all predictions certain.

    Parameters
    ----------
    labels : class numbers, shape (pictures,).
    probabilities : shape (pictures, classes).
    weights : what each picture counts, shape (pictures,), 1 in the mean.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logs = np.log(np.maximum(probabilities, LEAST))
    logs_of_labels = logs[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        # By logarithms, never cut off: cut off, it has a second minimum where all is certain.
        temperature = np.exp(log_temperature)
        cross_entropy = logsumexp(logs / temperature, axis=1) - logs_of_labels / temperature
        return (weights * cross_entropy).sum() + (log_temperature / _SPREAD) ** 2 / 2

    return float(np.exp(minimize_scalar(loss, bounds=np.log(_TEMPERATURES), method="bounded").x))


def choose_threshold(labels: np.ndarray, calibrated: np.ndarray, most_wrong: float) -> float:
    """Find the least probability from which on predictions are right often enough.

    That is selective classification (Geifman and El-Yaniv, NIPS 2017), with the share that was
    wrong on these pictures in place of a bound on it: for a few hundred of them a bound would leave
    hardly any prediction.

    Parameters
    ----------
    calibrated : probabilities, shape (pictures, classes).
    most_wrong : the share of wrong predictions that is allowed among those that are as probable
        as that, 0 to 1.

    Returns
    -------
    Half-way between the least probable prediction that is kept and the most probable that is not;
    what the least probable of all could be, 1 / classes, where all are kept; 1 where none is.
    """
    confidence = calibrated.max(axis=1)
    wrong = calibrated.argmax(axis=1) != labels
    order = np.argsort(-confidence, kind="stable")
    confidence, wrong = confidence[order], wrong[order]
    share_wrong = wrong.cumsum() / np.arange(1, len(wrong) + 1)
    # A threshold doesn't part predictions that are equally probable.
    parts = np.append(confidence[:-1] > confidence[1:], True)
    kept = np.flatnonzero((share_wrong <= most_wrong) & parts)
    if not len(kept):
        return 1.0
    last = kept[-1]
    if last == len(confidence) - 1:
        return 1 / calibrated.shape[1]
    return float(confidence[last : last + 2].mean())
