"""Find label errors by confident learning.

C. Northcutt, L. Jiang, I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
2021, as cleanlab does it, on probabilities from a model that has not seen the picture.
"""

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

# The penalty, per picture, of a head on standardised features. Strong: a head that is sure of
# everything, whatever label it is taught, finds nothing.
_L2 = 0.1
_STEPS = 1000
_TOLERANCE = 1e-3  # of the gradient: moves the order of the least probable ones no more


def out_of_fold(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, folds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predict each picture by logistic regression on the others.

    Parameters
    ----------
    features : shape (pictures, features).
    labels : class numbers, shape (pictures,).
    groups : pictures of one group, such as copies, are predicted together: else a copy would
        vouch for the label of the other.
    folds : parts that the pictures are cut into; fewer where a class has fewer groups.

    Returns
    -------
    Probabilities, shape (pictures, classes); and whether they tell anything, shape (pictures,).
    Where all of a class is held out at once, as of one that is one group, they don't: the own label
    gets 1. Other classes are judged against it all the same.
    """
    classes = labels.max() + 1
    count = np.array([len(np.unique(groups[labels == label])) for label in range(classes)])
    judged = (count > 1)[labels]
    probabilities = np.eye(classes)[labels]
    if not judged.any():
        return probabilities, judged
    rows = np.flatnonzero(judged)
    splitter = StratifiedGroupKFold(
        min(folds, count[count > 1].min()), shuffle=True, random_state=np.random.RandomState(seed)
    )
    for _, part in splitter.split(labels[rows], labels[rows], groups[rows]):
        held_out = rows[part]
        train = np.setdiff1d(np.arange(len(labels)), held_out)
        seen = np.unique(labels[train])
        judged[held_out] = np.isin(labels[held_out], seen) & (len(seen) > 1)
        held_out = held_out[judged[held_out]]
        if not len(held_out):
            continue
        probabilities[held_out] = predict(features, labels, train, held_out)
    return probabilities, judged


def predict(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Predict pictures by logistic regression on others.

    Parameters
    ----------
    features : shape (pictures, features).
    labels : class numbers, shape (pictures,).
    train, others : the numbers of the pictures to train on, of two classes at least, and of those
        to predict.

    Returns
    -------
    Probabilities, shape (others, classes); of a class that is not trained on, 0.
    """
    x = features[train]
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1
    model = LogisticRegression(C=1 / (2 * _L2 * len(train)), tol=_TOLERANCE, max_iter=_STEPS)
    model.fit((x - mean) / scale, labels[train])
    probabilities = np.zeros((len(others), labels.max() + 1))
    probabilities[:, model.classes_] = model.predict_proba((features[others] - mean) / scale)
    return probabilities


def quality(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Score labels by how much likelier they are than the likeliest other class.

    Returns
    -------
    From 0, certainly wrong, to 1, shape (pictures,); below 0.5 another class is likelier.
    """
    return get_label_quality_scores(labels, probabilities, method="normalized_margin")


def confident(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return which labels confident learning takes for wrong: bool, shape (pictures,)."""
    return find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)
