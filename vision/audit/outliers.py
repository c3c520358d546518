"""Find outliers, pictures unlike all others: logos, text, placeholders, people."""

import numpy as np
from sklearn.decomposition import PCA

# Of the pictures of a class, no more than a tenth is bad.
_INNER = 0.9
# Of the inner pictures, and of them no more than an eighth of their number.
_COMPONENTS = 200
# J. W. Tukey, "Exploratory Data Analysis", 1977, has 1.5, which of many pictures with nothing wrong
# takes too many, and 3 for what is far out.
_FENCE = 2.5
_TINY = 1e-12


def distances(features: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Measure how far each picture is from what most of them are like.

    The components are those of the inner pictures alone, so that bad ones, however often they come,
    make none of their own; and a picture is far within the components (its Mahalanobis distance),
    or beside them, or both. These are the distances of M. Hubert, P. J. Rousseeuw, K. Vanden
    Branden, "ROBPCA: A New Approach to Robust Principal Component Analysis", Technometrics 47,
    2005, with a simpler trimming: the inner ones are at first those nearest to the mean, and then
    those that this leaves; of each class as large a share, or a rare one would be outside.

    Parameters
    ----------
    features : shape (pictures, features).
    numbers : of the classes, shape (pictures,).

    Returns
    -------
    The mean square of both distances, divided by the median: around 1, shape (pictures,).
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), _TINY)
    far = -(unit @ unit.mean(axis=0))
    for _ in range(2):
        far = _from_inner(unit, _inner(far, numbers))
    return far / max(np.median(far), _TINY)


def _inner(far: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return which pictures are the nearest ones of their class."""
    inner = np.zeros(len(far), bool)
    for number in np.unique(numbers):
        own = numbers == number
        inner[own] = far[own] <= np.quantile(far[own], _INNER)
    return inner


def _from_inner(rows: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return the mean square distance from some rows, within and beside their components."""
    components = max(1, min(_COMPONENTS, inner.sum() // 8, rows.shape[1] // 2))
    pca = PCA(components, svd_solver="randomized", random_state=0).fit(rows[inner])
    within = pca.transform(rows)
    beside = np.square(rows - pca.inverse_transform(within)).sum(axis=1, dtype=np.float64)
    scaled = np.square(within, dtype=np.float64) / np.maximum(pca.explained_variance_, _TINY)
    return scaled.mean(axis=1) + beside / max(beside[inner].mean(), _TINY)


def fence(distances: np.ndarray) -> float:
    """Return the distance beyond which a picture is far out, by a rule on the quartiles.

    On those of the logarithms, since squares have a long tail where nothing is wrong.
    """
    lower, upper = np.quantile(np.log(np.maximum(distances, _TINY)), [0.25, 0.75])
    return float(np.exp(upper + _FENCE * (upper - lower)))
