import numpy as np
import pytest

from vision.evaluation import scores

# Two classes. Predicted: 0 1 0 1 1, so the second and the third are wrong.
LABELS = np.array([0, 0, 1, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.65, 0.35], [0.2, 0.8], [0.1, 0.9]])

# Three classes. Predicted: 0 0 2 2, so the second is wrong, and nothing is taken for class 1.
LABELS_3 = np.array([0, 1, 2, 2])
PROBABILITIES_3 = np.array([[0.7, 0.2, 0.1], [0.5, 0.15, 0.35], [0.1, 0.2, 0.7], [0.2, 0.2, 0.6]])


def random_set(classes, pictures=300):
    """Labels, and probabilities that know a little about them."""
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, pictures)
    evidence = np.exp(rng.normal(size=(pictures, classes)) + np.eye(classes)[labels])
    return labels, evidence / evidence.sum(axis=1, keepdims=True)


def area_by_pairs(positive, score):
    """Area under the ROC curve: the share of pairs in the right order; ties count half."""
    pairs = score[positive][:, None] - score[~positive][None, :]
    return ((pairs > 0) + 0.5 * (pairs == 0)).mean()


# Worked out by hand. Class 0 has precision, recall and f1 of 1/2; class 1 of 2/3. Of the 6 pairs
# of different classes, 0.35 against 0.6 is in the wrong order. In bins of a tenth the confidences
# are 0.9 0.9 (both right), 0.6 0.65 (both wrong), 0.8 (right).
@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("accuracy", 3 / 5),
        ("loss", -np.log([0.9, 0.4, 0.35, 0.8, 0.9]).sum() / 5),
        ("roc_auc", 5 / 6),
        ("precision", (1 / 2 + 2 / 3) / 2),
        ("recall", (1 / 2 + 2 / 3) / 2),
        ("f1", (1 / 2 + 2 / 3) / 2),
        ("brier", (0.1**2 + 0.6**2 + 0.65**2 + 0.2**2 + 0.1**2) / 5),
        ("calibration_error", (2 * 0.1 + 2 * 0.625 + 1 * 0.2) / 5),
    ],
)
def test_figures_of_two_classes(figure, expected):
    assert scores.score(LABELS, PROBABILITIES, 10)[figure] == pytest.approx(expected)


# Worked out by hand. Class 0: precision 1/2, recall 1, f1 2/3; class 1: nothing; class 2: all 1.
# In the order of their probabilities, the pictures of class 0 and 2 come first, that of 1 last.
# In bins of a tenth the confidences are 0.7 0.7 (right), 0.5 (wrong), 0.6 (right).
@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("accuracy", 3 / 4),
        ("loss", -np.log([0.7, 0.15, 0.7, 0.6]).sum() / 4),
        ("roc_auc", (1 + 0 + 1) / 3),
        ("precision", (1 / 2 + 0 + 1) / 3),
        ("recall", (1 + 0 + 1) / 3),
        ("f1", (2 / 3 + 0 + 1) / 3),
        (
            "brier",
            (
                (0.3**2 + 0.2**2 + 0.1**2)
                + (0.5**2 + 0.85**2 + 0.35**2)
                + (0.1**2 + 0.2**2 + 0.3**2)
                + (0.2**2 + 0.2**2 + 0.4**2)
            )
            / 4,
        ),
        ("calibration_error", (2 * 0.3 + 0.5 + 0.4) / 4),
    ],
)
def test_figures_of_three_classes(figure, expected):
    assert scores.score(LABELS_3, PROBABILITIES_3, 10)[figure] == pytest.approx(expected)


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


@pytest.mark.parametrize("classes", [2, 3])
def test_a_perfect_classifier(classes):
    labels = np.arange(30) % classes
    figures = scores.score(labels, np.eye(classes)[labels], 10)
    for best in ("accuracy", "accuracy_high", "roc_auc", "precision", "recall", "f1"):
        assert figures[best] == pytest.approx(1)
    for least in ("loss", "brier", "calibration_error"):
        assert figures[least] == pytest.approx(0, abs=1e-12)  # log(1) is exact but for the last bit


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_that_says_the_same_of_every_picture(classes):
    labels = np.arange(30) % classes
    figures = scores.score(labels, np.full((30, classes), 1 / classes), 10)
    assert figures["accuracy"] == pytest.approx(1 / classes)
    assert figures["loss"] == pytest.approx(np.log(classes))
    assert figures["roc_auc"] == pytest.approx(1 / 2)
    assert figures["calibration_error"] == pytest.approx(0, abs=1e-12)  # 1/3 has no end in binary


def test_being_sure_and_wrong_costs_much_but_not_infinitely():
    labels = np.array([0, 1, 0, 1])
    figures = scores.score(labels, np.eye(2)[1 - labels], 10)
    assert 10 < figures["loss"] < 1000
    assert figures["brier"] == figures["calibration_error"] == 1


def test_all_figures_are_plain_numbers_within_their_ranges():
    for classes in (2, 3):
        figures = scores.score(*random_set(classes), 10)
        assert all(type(value) is float for value in figures.values())
        for name, value in figures.items():
            assert 0 <= value <= (2 if name in ("loss", "brier") else 1), name
        assert figures["accuracy_low"] < figures["accuracy"] < figures["accuracy_high"]


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_area_is_the_mean_of_each_class_against_the_rest(classes):
    labels, probabilities = random_set(classes)
    expected = [area_by_pairs(labels == k, probabilities[:, k]) for k in range(classes)]
    assert scores.score(labels, probabilities, 10)["roc_auc"] == pytest.approx(np.mean(expected))


def test_with_two_classes_the_area_is_the_usual_one_of_the_second():
    labels, probabilities = random_set(2)
    expected = area_by_pairs(labels == 1, probabilities[:, 1])
    assert scores.score(labels, probabilities, 10)["roc_auc"] == pytest.approx(expected)


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


@pytest.mark.parametrize("classes", [2, 3])
def test_roc_curve_climbs_from_0_0_to_1_1(classes):
    curve = scores.roc_curve(*random_set(classes))
    assert curve.iloc[0].tolist() == [0, 0]
    assert curve.iloc[-1].tolist() == [1, 1]
    assert (curve.diff().dropna() >= 0).all(axis=None)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_area_under_the_roc_curve_is_the_figure(classes):
    labels, probabilities = random_set(classes)
    curve = scores.roc_curve(labels, probabilities)
    area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
    figure = scores.score(labels, probabilities, 10)["roc_auc"]
    # The curve is told at every 0.005: so wide a strip of height 1 in all may be lost or won.
    assert area == pytest.approx(figure, abs=0.005)


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


@pytest.mark.parametrize("classes", [2, 3])
def test_precision_never_rises_with_recall(classes):
    curve = scores.precision_recall_curve(*random_set(classes))
    assert (curve["precision"].diff().dropna() <= 0).all()
    # Everything is recalled at the latest when everything is taken, at the class's own share.
    assert curve["precision"].iloc[-1] >= 1 / classes - 1e-12  # for rounding


def test_a_perfect_classifier_is_precise_at_every_recall():
    curve = scores.precision_recall_curve(LABELS, np.eye(2)[LABELS])
    assert (curve["precision"] == 1).all()


def test_a_classifier_that_says_the_same_of_all_is_as_precise_as_chance():
    curve = scores.precision_recall_curve(LABELS, np.full((5, 2), 0.5))
    np.testing.assert_allclose(curve["precision"], (2 / 5 + 3 / 5) / 2)


def test_curves_have_as_many_rows_however_many_pictures():
    for curve in (scores.roc_curve, scores.precision_recall_curve):
        assert len(curve(LABELS, PROBABILITIES)) == len(curve(*random_set(2, pictures=2000)))


# --- calibration ---


def test_reliability_curve_by_hand():
    curve = scores.reliability_curve(LABELS, PROBABILITIES, 10)
    assert curve.to_dict("list") == {
        "confidence": [pytest.approx(0.625), 0.8, 0.9],
        "accuracy": [0, 1, 1],
        "pictures": [2, 1, 2],
    }


def test_full_confidence_is_in_the_last_bin():
    probabilities = np.array([[1.0, 0.0], [0.05, 0.95]])
    curve = scores.reliability_curve(np.array([0, 0]), probabilities, 10)
    assert curve.to_dict("list") == {"confidence": [0.975], "accuracy": [0.5], "pictures": [2]}


def test_fewer_bins_are_wider():
    curve = scores.reliability_curve(LABELS, PROBABILITIES, 2)
    assert curve["pictures"].tolist() == [5]
    # The mean confidence is 0.77, and 3 of 5 are right.
    assert scores.calibration_error(LABELS, PROBABILITIES, 2) == pytest.approx(0.77 - 0.6)


def test_every_picture_is_in_one_bin():
    labels, probabilities = random_set(3)
    assert scores.reliability_curve(labels, probabilities, 7)["pictures"].sum() == len(labels)


# --- mistakes ---


def test_mistakes_are_ordered_by_how_sure_the_classifier_was():
    assert scores.most_confident_mistakes(LABELS, PROBABILITIES, 9).tolist() == [2, 1]


def test_at_most_so_many_mistakes_are_found():
    assert scores.most_confident_mistakes(LABELS, PROBABILITIES, 1).tolist() == [2]


def test_equally_sure_mistakes_keep_the_order_of_the_pictures():
    labels = np.ones(1000, int)
    probabilities = np.tile([[0.7, 0.3], [0.8, 0.2]], (500, 1))
    mistakes = scores.most_confident_mistakes(labels, probabilities, 1000)
    assert mistakes.tolist() == [*range(1, 1000, 2), *range(0, 1000, 2)]


def test_without_mistakes_none_are_found():
    assert len(scores.most_confident_mistakes(LABELS, np.eye(2)[LABELS], 9)) == 0
