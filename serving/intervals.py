"""How far the figures of a classifier would move on other test pictures: bootstrap intervals.

B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979: test
pictures are drawn from the test pictures, with replacement, over and over, and the middle 95 % of
what comes out is the interval. Drawing a picture k times is giving it the weight k, so that all
draws are computed at once.
"""

import numpy as np

DRAWS = 1000
_SEED = 0
_MIDDLE = (0.025, 0.975)


def of_scores(
    labels: np.ndarray, probabilities: np.ndarray, calibration_bins: int
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each figure of `scores.score` but the accuracy's own.

    Parameters
    ----------
    labels : class numbers, shape (pictures,).
    probabilities : shape (pictures, classes).
    """
    count = len(labels)
    rng = np.random.default_rng(_SEED)
    weights = rng.multinomial(count, np.full(count, 1 / count), DRAWS).astype(float)
    figures = weighted(labels, probabilities, calibration_bins, weights)
    # A draw without one of the classes has no area under its curve.
    return {
        name: tuple(np.nanquantile(values, _MIDDLE).tolist()) for name, values in figures.items()
    }


def weighted(
    labels: np.ndarray, probabilities: np.ndarray, calibration_bins: int, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Compute the figures with each picture counted as often as its weight says.

    Parameters
    ----------
    weights : shape (draws, pictures); each draw's add up to the number of pictures.

    Returns
    -------
    The figures of `scores.score`, shape (draws,) each; the definitions are those there.
    """
    count, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    of_label = probabilities[np.arange(count), labels]
    one_hot = np.eye(classes)[labels]
    brier = ((probabilities - one_hot) ** 2).sum(axis=1)
    means = {
        "loss": -np.log(np.maximum(of_label, np.finfo(probabilities.dtype).eps)),
        "brier": brier / 2 if classes == 2 else brier,
    }
    figures = {name: weights @ each / count for name, each in means.items()}
    chosen = np.eye(classes)[predicted]
    hits, named, actual = (weights @ each for each in (one_hot * chosen, chosen, one_hot))
    precision = _share(hits, named)
    recall = _share(hits, actual)
    seen = np.unique(labels)
    figures["precision"] = precision[:, seen].mean(axis=1)
    # Of a class that a draw has no picture of, there is no recall.
    figures["recall"] = figures["balanced_accuracy"] = recall.mean(axis=1, where=actual > 0)
    figures["f1"] = _share(2 * hits, named + actual)[:, seen].mean(axis=1)
    figures["roc_auc"] = np.mean(
        [_area(labels == k, probabilities[:, k], weights) for k in seen], axis=0
    )
    confidence = probabilities.max(axis=1)
    bins = np.minimum((confidence * calibration_bins).astype(int), calibration_bins - 1)
    in_bin = np.eye(calibration_bins)[bins]
    excess = (confidence - (predicted == labels))[:, np.newaxis] * in_bin
    figures["calibration_error"] = np.abs(weights @ excess).sum(axis=1) / count
    return figures


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; nothing of nothing is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _area(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the area under the ROC curve of each draw; NaN where it has one class only.

    It is how often a positive scores above a negative, ties counted half (J. A. Hanley and
    B. J. McNeil, Radiology 143, 1982).
    """
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)
    positives, negatives = (
        np.add.reduceat(weights[:, order] * side[order], starts, axis=1)
        for side in (positive, ~positive)
    )
    below = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    won = (positives * below).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
