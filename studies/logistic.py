"""The head as logistic regression, fitted to the end by scikit-learn.

It takes seconds, has nothing of the luck of a seed, and doesn't depend on how many steps there are
in an epoch, of which few pictures have few.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

_TOLERANCE = 1e-5  # of the gradient: moves the cross-entropy by less than a thousandth of itself
_STEPS = 10_000


def fit(
    rows: Sequence[np.ndarray],
    labels: np.ndarray,
    train: np.ndarray,
    others: np.ndarray,
    strengths: Sequence[float],
) -> Iterator[tuple[float, np.ndarray]]:
    """Fit one head for each strength of the L2 penalty.

    Parameters
    ----------
    rows : the features of the pictures as they are, shape (pictures, features), and of each view
        of the first pictures. Its views come to a picture in training, and share its weight.
    labels : the class number of each picture, shape (pictures,).
    train : the indices of the pictures to train on.
    others : the features to predict from, shape (others, features).
    strengths : of the penalty, in the pipeline's sense.

    Yields
    ------
    A strength, and the probabilities of `others`, shape (others, classes); the strongest first.
    """
    pictures = np.concatenate([train[train < len(view)] for view in rows])
    x = np.concatenate([view[train[train < len(view)]] for view in rows]).astype(np.float64)
    weights = 1 / np.bincount(pictures)[pictures]
    # The intercept takes the mean up, unpenalised: the same optimum in a third of the steps.
    mean = x.mean(axis=0)
    x -= mean
    model = LogisticRegression(tol=_TOLERANCE, max_iter=_STEPS, warm_start=True)
    for l2 in sorted(strengths, reverse=True):  # each starts where the stronger one ended
        model.C = inverse_strength(l2, len(train))
        model.fit(x, labels[pictures], weights)
        yield l2, model.predict_proba(others - mean)


def inverse_strength(l2: float, pictures: int) -> float:
    """Return scikit-learn's C for what the pipeline calls l2.

    Keras minimises (sum of cross-entropies) / pictures + l2 |w|², scikit-learn
    C (sum of cross-entropies) + |w|² / 2, both without the intercept in w. So C is
    1 / (2 l2 pictures).
    """
    return 1 / (2 * l2 * pictures)
