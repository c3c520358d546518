"""Score probabilities against labels: arrays in, numbers and tables out.

Everything is defined for any number of classes. What is common for two - precision, recall, F1,
ROC and precision-recall curves and the areas under them - is the mean over the classes, each
against the rest (macro average). With two classes the area under the ROC curve so defined is
the usual one. Classes without pictures, of which nothing can be said, don't count.

Throughout, `labels` are class numbers of shape (pictures,), and `probabilities` have the shape
(pictures, classes).
"""

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn import metrics

_GRID = np.arange(201) / 200


def score(labels: np.ndarray, probabilities: np.ndarray, calibration_bins: int) -> dict:
    """Compute the figures of a classifier.

    Returns
    -------
    accuracy with its 95 % interval accuracy_low to accuracy_high (E. B. Wilson, 1927);
    balanced_accuracy, the mean over the classes that there are pictures of (K. H. Brodersen and
    others, "The balanced accuracy and its posterior distribution", ICPR 2010); loss, the
    cross-entropy in nats; roc_auc; precision, recall and f1; brier, the mean squared error of
    the probabilities (G. W. Brier, 1950; halved for two classes, so from 0 to 1);
    calibration_error (see `calibration_error`).
    """
    classes, seen = np.arange(probabilities.shape[1]), np.unique(labels)
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    low, high = accuracy_interval(correct, len(labels))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, labels=seen, average="macro", zero_division=0
    )
    figures = {
        "accuracy": correct / len(labels),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": recall,
        "loss": cross_entropy(labels, probabilities),
        "roc_auc": np.mean([metrics.roc_auc_score(labels == k, probabilities[:, k]) for k in seen]),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "brier": metrics.brier_score_loss(labels, probabilities, labels=classes),
        "calibration_error": calibration_error(labels, probabilities, calibration_bins),
    }
    return {name: float(value) for name, value in figures.items()}


def baseline(trained_on: np.ndarray, labels: np.ndarray, classes: list[str]) -> dict:
    """Score always saying the commonest class, which needs no model.

    Parameters
    ----------
    trained_on : the class number of each training picture, by which the class is the commonest;
        of several, it is the first.

    Returns
    -------
    class, its name; and accuracy, accuracy_low and accuracy_high, as in `score`.
    """
    commonest = np.bincount(trained_on).argmax()
    correct = int((labels == commonest).sum())
    low, high = accuracy_interval(correct, len(labels))
    return {
        "class": classes[commonest],
        "accuracy": correct / len(labels),
        "accuracy_low": low,
        "accuracy_high": high,
    }


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean cross-entropy, in nats."""
    return float(metrics.log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1])))


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the share of pictures whose most probable class is theirs."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def accuracy_interval(correct: float, pictures: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy (E. B. Wilson, 1927).

    Parameters
    ----------
    correct : how many of the pictures; of a mean accuracy, not a whole number, as SciPy wants it.
    """
    z = norm.isf(0.025)
    share, scale = correct / pictures, 1 + z**2 / pictures
    middle = (share + z**2 / (2 * pictures)) / scale
    reach = z * np.sqrt(share * (1 - share) / pictures + z**2 / (4 * pictures**2)) / scale
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


def score_classes(
    labels: np.ndarray, probabilities: np.ndarray, classes: list[str]
) -> pd.DataFrame:
    """Compute each class's own figures: class, pictures, precision, recall, f1."""
    precision, recall, f1, pictures = metrics.precision_recall_fscore_support(
        labels, probabilities.argmax(axis=1), labels=np.arange(len(classes)), zero_division=0
    )
    return pd.DataFrame(
        {"class": classes, "pictures": pictures, "precision": precision, "recall": recall, "f1": f1}
    )


def roc_curve(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Compute the ROC curve: columns false_positive_rate and true_positive_rate, 0 to 1."""
    curves = []
    for k in np.unique(labels):
        false_positive, true_positive, _ = metrics.roc_curve(labels == k, probabilities[:, k])
        curves.append(np.interp(_GRID, false_positive, true_positive))
    true_positive_rate = np.mean(curves, axis=0)
    return pd.DataFrame(
        {
            "false_positive_rate": np.append(0, _GRID),
            "true_positive_rate": np.append(0, true_positive_rate),
        }
    )


def precision_recall_curve(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Compute the precision-recall curve: columns recall and precision, 0 to 1.

    The precision at a recall is the best that can be had at it or above (Manning et al.,
    "Introduction to Information Retrieval", 2008, section 8.4).
    """
    curves = []
    for k in np.unique(labels):
        precision, recall, _ = metrics.precision_recall_curve(labels == k, probabilities[:, k])
        # From recall 1 down to above 0; the last point is no classifier's.
        best = np.maximum.accumulate(precision[:-1])
        curves.append(best[::-1][np.searchsorted(recall[:-1][::-1], _GRID)])
    return pd.DataFrame({"recall": _GRID, "precision": np.mean(curves, axis=0)})


def reliability_curve(labels: np.ndarray, probabilities: np.ndarray, bins: int) -> pd.DataFrame:
    """Compare how sure the classifier is with how often it is right.

    Parameters
    ----------
    bins : number of bins of equal width between 0 and 1; empty ones are left out.

    Returns
    -------
    One row a bin: confidence, the mean probability of the predicted class; accuracy; pictures.
    """
    table = pd.DataFrame(
        {
            "confidence": probabilities.max(axis=1),
            "accuracy": (probabilities.argmax(axis=1) == labels).astype(float),
        }
    )
    bin_of = np.minimum((table["confidence"] * bins).astype(int), bins - 1)
    grouped = table.groupby(bin_of)
    return grouped.mean().assign(pictures=grouped.size()).reset_index(drop=True)


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int) -> float:
    """Compute the expected calibration error (Guo et al., ICML 2017), from 0 to 1.

    The mean distance between confidence and accuracy over the bins of the reliability curve,
    weighted by their pictures.
    """
    curve = reliability_curve(labels, probabilities, bins)
    distance = (curve["confidence"] - curve["accuracy"]).abs()
    return float(np.average(distance, weights=curve["pictures"]))


def most_confident_mistakes(
    labels: np.ndarray, probabilities: np.ndarray, count: int
) -> np.ndarray:
    """Find the wrong predictions, the surest first: at most `count` indices."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    sureness = probabilities[wrong, predicted[wrong]]
    return wrong[np.argsort(-sureness, kind="stable")][:count]
