"""Find outliers, pictures unlike all others: logos, text, placeholders, people."""

import numpy as np

_BLOCK = 1024  # rows compared with all others at a time, so that memory doesn't grow as the square
# Tukey's rule has 1.5, which of many pictures with nothing wrong takes too many. D. Hoaglin,
# B. Iglewicz, "Fine-Tuning Some Resistant Rules for Outlier Labeling", 1987.
_FENCE = 2.2


def distances(features: np.ndarray, neighbours: int) -> np.ndarray:
    """Measure how far each picture is from those most like it.

    J. Kuan, J. Mueller, "Back to the Basics: Revisiting Out-of-Distribution Detection Baselines",
    2022, found no better measure than the mean distance to the nearest neighbours.

    Parameters
    ----------
    features : shape (pictures, features).
    neighbours : to take the mean over. More than there are likely to be copies or kin of an
        outlier, which else would vouch for it.

    Returns
    -------
    1 - cosine of the features, the mean over the nearest: from 0, shape (pictures,).
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(lengths, np.finfo(features.dtype).tiny)
    taken = min(neighbours, len(features) - 1)
    found = np.empty(len(features))
    for start in range(0, len(unit), _BLOCK):
        cosines = unit[start : start + _BLOCK] @ unit.T
        rows = np.arange(len(cosines))
        cosines[rows, rows + start] = -np.inf  # itself
        nearest = np.partition(cosines, -taken, axis=1)[:, -taken:]
        found[start : start + len(rows)] = 1 - nearest.mean(axis=1, dtype=np.float64)
    return found


def fence(distances: np.ndarray) -> float:
    """Return the distance beyond which a picture is far out, by a rule on the quartiles."""
    lower, upper = np.quantile(distances, [0.25, 0.75])
    return float(upper + _FENCE * (upper - lower))
