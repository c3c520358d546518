"""Put models beside each other: their log-probabilities are added, each times a weight.

D. H. Wolpert, "Stacked generalization", Neural Networks 5, 1992; with weights of 0 and above:
L. Breiman, "Stacked regressions", Machine Learning 24, 1996.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from vision.models import calibration

_MOST_WEIGHT = 10.0
# Standard deviation of a weight before any picture is seen, about that of the mean of all models:
# on a dozen pictures, the best weights of all would be luck.
_SPREAD = 0.5


def logs(probabilities: np.ndarray) -> np.ndarray:
    """Return the logarithms of probabilities, all finite."""
    return np.log(np.maximum(probabilities, calibration.LEAST))


def weigh(
    labels: np.ndarray, logs: Sequence[np.ndarray], sample_weights: np.ndarray | float = 1.0
) -> list[float]:
    """Return the weights, 0 and above, of models' log-probabilities that give the least loss.

    A weak prior holds them near those of a mean; pictures that tell them outweigh that.

    Parameters
    ----------
    labels : class numbers, shape (pictures,).
    logs : of each model, shape (pictures, classes).
    sample_weights : what each picture counts, shape (pictures,), 1 in the mean.
    """
    stacked = np.stack(logs)
    rows = np.arange(len(labels))
    of_labels = stacked[:, rows, labels]
    mean = 1 / len(logs)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(weights, stacked, 1)
        own = log_softmax(logits, axis=1)[rows, labels]
        expected = (softmax(logits, axis=1) * stacked).sum(axis=2)
        away = (weights - mean) / _SPREAD
        return (
            float((away**2).sum() / 2 - (sample_weights * own).sum()),
            away / _SPREAD + (sample_weights * (expected - of_labels)).sum(axis=1),
        )

    start = np.full(len(logs), mean)
    bounds = [(0, _MOST_WEIGHT)] * len(logs)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return [round(float(weight), 4) for weight in found]


def measure(
    labels: np.ndarray,
    logs: Sequence[np.ndarray],
    weights: Sequence[float],
    sample_weights: np.ndarray | float = 1.0,
) -> dict[str, float]:
    """Return the validation_loss and the validation_accuracy of models together."""
    together = np.tensordot(weights, np.stack(logs), 1)
    of_labels = log_softmax(together, axis=1)[np.arange(len(labels)), labels]
    return {
        "validation_loss": float((sample_weights * -of_labels).mean()),
        "validation_accuracy": float((together.argmax(axis=1) == labels).mean()),
    }
