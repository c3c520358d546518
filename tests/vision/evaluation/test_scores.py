import json

import numpy as np
import pytest

from vision.evaluation import scores

# Two classes. Predicted: 0 1 0 1 1, so the second and the third are wrong.
LABELS = np.array([0, 0, 1, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.65, 0.35], [0.2, 0.8], [0.1, 0.9]])

# Three classes. Predicted: 0 0 2 2, so the second is wrong, and nothing is taken for class 1.
LABELS_3 = np.array([0, 1, 2, 2])
PROBABILITIES_3 = np.array([[0.7, 0.2, 0.1], [0.5, 0.15, 0.35], [0.1, 0.2, 0.7], [0.2, 0.2, 0.6]])


# Worked out by hand. Class 0 has precision, recall and f1 of 1/2; class 1 of 2/3. Of the 6 pairs
# of different classes, 0.35 against 0.6 is in the wrong order. In bins of a tenth the confidences
# are 0.9 0.9 (both right), 0.6 0.65 (both wrong), 0.8 (right).
OF_TWO = {
    "accuracy": 3 / 5,
    "balanced_accuracy": (1 / 2 + 2 / 3) / 2,
    "loss": -np.log([0.9, 0.4, 0.35, 0.8, 0.9]).sum() / 5,
    "roc_auc": 5 / 6,
    **dict.fromkeys(("precision", "recall", "f1"), (1 / 2 + 2 / 3) / 2),
    "brier": (0.1**2 + 0.6**2 + 0.65**2 + 0.2**2 + 0.1**2) / 5,
    "calibration_error": (2 * 0.1 + 2 * 0.625 + 1 * 0.2) / 5,
}
# Class 0: precision 1/2, recall 1, f1 2/3; class 1: nothing; class 2: all 1. In the order of their
# probabilities, the pictures of class 0 and 2 come first, that of 1 last. In bins of a tenth the
# confidences are 0.7 0.7 (right), 0.5 (wrong), 0.6 (right).
OF_THREE = {
    "accuracy": 3 / 4,
    "balanced_accuracy": (1 + 0 + 1) / 3,
    "loss": -np.log([0.7, 0.15, 0.7, 0.6]).sum() / 4,
    "roc_auc": (1 + 0 + 1) / 3,
    "precision": (1 / 2 + 0 + 1) / 3,
    "recall": (1 + 0 + 1) / 3,
    "f1": (2 / 3 + 0 + 1) / 3,
    "brier": (2 * 0.14 + (0.5**2 + 0.85**2 + 0.35**2) + 2 * 0.2**2 + 0.4**2) / 4,
    "calibration_error": (2 * 0.3 + 0.5 + 0.4) / 4,
}


@pytest.mark.parametrize(
    ("labels", "probabilities", "expected"),
    [(LABELS, PROBABILITIES, OF_TWO), (LABELS_3, PROBABILITIES_3, OF_THREE)],
    ids=["two classes", "three classes"],
)
def test_figures_by_hand(labels, probabilities, expected):
    figures = scores.score(labels, probabilities, 10)
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert {type(value) for value in figures.values()} == {float}  # as JSON takes it


def test_a_class_without_pictures_counts_in_no_mean_but_where_it_is_predicted():
    with_third = np.column_stack([PROBABILITIES * 0.9, np.full(5, 0.1)])
    figures = scores.score(LABELS, with_third, 10)
    same = ("accuracy", "roc_auc", "precision", "recall", "f1")
    assert {name: figures[name] for name in same} == pytest.approx(
        {name: OF_TWO[name] for name in same}
    )
    for curve in (scores.roc_curve, scores.precision_recall_curve):
        assert curve(LABELS, with_third).equals(curve(LABELS, PROBABILITIES))
    with_third[0] = [0.1, 0, 0.9]
    recall = scores.score(LABELS, with_third, 10)["recall"]
    assert recall == pytest.approx(OF_TWO["recall"] - 1 / 4)


def test_in_the_balanced_accuracy_a_common_class_counts_no_more_than_a_rare_one():
    labels = np.repeat([0, 1], [93, 7])
    always_the_first = np.tile([0.9, 0.1], (100, 1))
    figures = scores.score(labels, always_the_first, 10)
    assert (figures["accuracy"], figures["balanced_accuracy"]) == (0.93, 0.5)


def test_the_baseline_always_says_the_commonest_class_of_the_training_pictures():
    """Whatever is commonest among those that it is tested on."""
    figures = scores.baseline(np.array([0, 2, 1, 1]), LABELS_3, ["cat", "dog", "fox"])
    low, high = scores.accuracy_interval(1, 4)
    assert figures == {
        "class": "dog", "accuracy": 1 / 4, "accuracy_low": low, "accuracy_high": high
    }  # fmt: skip
    of_equal = scores.baseline(np.array([0, 2, 1]), LABELS_3, ["cat", "dog", "fox"])
    assert (of_equal["class"], of_equal["accuracy"]) == ("cat", 1 / 4)
    json.dumps(figures)


@pytest.mark.parametrize(("right", "pictures"), [(0, 10), (3, 10), (10, 10), (985, 1000)])
def test_the_interval_of_the_accuracy_is_wilsons(right, pictures):
    labels = np.arange(pictures) % 2
    predicted = np.where(np.arange(pictures) < right, labels, 1 - labels)
    figures = scores.score(labels, np.eye(2)[predicted] * 0.8 + 0.1, 10)
    z = 1.959963984540054  # of a normal distribution, 95 % lie within so many deviations
    p, n = right / pictures, pictures
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert figures["accuracy_low"] == pytest.approx(middle - half, abs=1e-12)  # about 0
    assert figures["accuracy_high"] == pytest.approx(middle + half)


def test_being_sure_and_wrong_costs_much_but_not_infinitely():
    labels = np.array([0, 1, 0, 1])
    figures = scores.score(labels, np.eye(2)[1 - labels], 10)
    assert 10 < figures["loss"] < 1000
    assert figures["brier"] == figures["calibration_error"] == 1


# --- each class ---


def test_each_class_has_its_own_row():
    table = scores.score_classes(LABELS_3, PROBABILITIES_3, ["cat", "dog", "fox"])
    assert table.to_dict("list") == {
        "class": ["cat", "dog", "fox"],
        "pictures": [1, 1, 2],
        "precision": [1 / 2, 0, 1],
        "recall": [1, 0, 1],
        "f1": [pytest.approx(2 / 3), 0, 1],
    }


# --- curves ---


def at(curve, column, value, wanted):
    """The last value of a column where another has some value."""
    return curve.loc[np.isclose(curve[column], value), wanted].iloc[-1]


@pytest.mark.parametrize(
    ("false_positive_rate", "expected"),
    [
        # Of class 1 against the rest, the curve is at 2/3 until it climbs to 1 at 1/2; of class 0,
        # it is at 1/2 until it climbs to 1 at 1/3.
        (0, (2 / 3 + 1 / 2) / 2),
        (0.25, (2 / 3 + 1 / 2) / 2),
        (0.4, (2 / 3 + 1) / 2),
        (0.5, 1),
        (1, 1),
    ],
)
def test_roc_curve_by_hand(false_positive_rate, expected):
    curve = scores.roc_curve(LABELS, PROBABILITIES)
    found = at(curve, "false_positive_rate", false_positive_rate, "true_positive_rate")
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("recall", "expected"),
    [
        # Of class 1, in the order of its probabilities, right right wrong right wrong: precision 1
        # up to recall 2/3, then 3/4. Of class 0, right wrong right: 1 up to 1/2, then 2/3.
        (0, 1),
        (0.5, 1),
        (0.6, (1 + 2 / 3) / 2),
        (0.7, (3 / 4 + 2 / 3) / 2),
        (1, (3 / 4 + 2 / 3) / 2),
    ],
)
def test_precision_recall_curve_by_hand(recall, expected):
    curve = scores.precision_recall_curve(LABELS, PROBABILITIES)
    assert at(curve, "recall", recall, "precision") == pytest.approx(expected)
    # The best that can be had at a recall or above: here the surest picture is wrong.
    wrong_first = scores.precision_recall_curve(
        np.array([1, 0]), np.array([[0.4, 0.6], [0.1, 0.9]])
    )
    np.testing.assert_allclose(wrong_first["precision"], 1 / 2)
    same_of_all = scores.precision_recall_curve(LABELS, np.full((5, 2), 0.5))
    np.testing.assert_allclose(same_of_all["precision"], (2 / 5 + 3 / 5) / 2)


# --- calibration ---


def test_reliability_curve_by_hand():
    curve = scores.reliability_curve(LABELS, PROBABILITIES, 10)
    assert curve.to_dict("list") == {
        "confidence": [pytest.approx(0.625), 0.8, 0.9],
        "accuracy": [0, 1, 1],
        "pictures": [2, 1, 2],
    }


def test_full_confidence_is_in_the_last_bin_and_fewer_bins_are_wider():
    probabilities = np.array([[1.0, 0.0], [0.05, 0.95]])
    curve = scores.reliability_curve(np.array([0, 0]), probabilities, 10)
    assert curve.to_dict("list") == {"confidence": [0.975], "accuracy": [0.5], "pictures": [2]}
    assert scores.reliability_curve(LABELS, PROBABILITIES, 2)["pictures"].tolist() == [5]
    # The mean confidence is 0.77, and 3 of 5 are right.
    assert scores.calibration_error(LABELS, PROBABILITIES, 2) == pytest.approx(0.77 - 0.6)


# --- mistakes ---


def test_mistakes_are_ordered_by_how_sure_the_classifier_was():
    assert scores.most_confident_mistakes(LABELS, PROBABILITIES, 9).tolist() == [2, 1]
    assert scores.most_confident_mistakes(LABELS, PROBABILITIES, 1).tolist() == [2]
    assert len(scores.most_confident_mistakes(LABELS, np.eye(2)[LABELS], 9)) == 0


def test_equally_sure_mistakes_keep_the_order_of_the_pictures():
    labels = np.ones(1000, int)
    probabilities = np.tile([[0.7, 0.3], [0.8, 0.2]], (500, 1))
    mistakes = scores.most_confident_mistakes(labels, probabilities, 1000)
    assert mistakes.tolist() == [*range(1, 1000, 2), *range(0, 1000, 2)]
