import numpy as np
import pytest

from vision.audit import missed
from vision.audit.copies import Pairs
from vision.selection.groups import Moment

SPLITS = np.array(["train"] * 3 + ["validation"] * 2 + ["test"] * 3)
NO_PAIRS = Pairs(*(np.array([], dtype=kind) for kind in (int, int, bool, float)))
NO_MOMENTS = [None] * 8


def pairs(*linked):
    earlier, later = zip(*linked, strict=True)
    return Pairs(np.array(earlier), np.array(later), *np.ones((2, len(linked))))


def test_the_nearest_in_time_counts_of_the_same_camera_within_seconds():
    moments = [
        *(Moment("Canon", seconds) for seconds in (100, 104, 200)),
        Moment("Canon", 106.5),
        Moment("Canon", 205.1),  # too late
        Moment("Nikon", 100),
        Moment("", 100),
        None,
    ]
    assert missed.nearest(moments, range(3, 8), range(3)) == {3: (2.5, 1)}
    assert missed.nearest(moments, [6], [6]) == {}  # by an unknown camera


def test_test_pictures_are_related_to_copies_and_to_what_was_taken_within_seconds():
    moments = [
        None,
        Moment("Canon", 1),
        None,
        None,
        Moment("Canon", 2),
        None,
        None,
        Moment("Canon", 3),
    ]
    related = missed.in_test_and_train(SPLITS, pairs((0, 5), (2, 3), (5, 9)), moments)
    assert {split: list(numbers) for split, numbers in related.items()} == {
        "test": [5, 7],
        "train": [0, 1],
    }
    nothing = missed.in_test_and_train(SPLITS, NO_PAIRS, NO_MOMENTS)
    assert [len(numbers) for numbers in nothing.values()] == [0, 0]


def test_accuracy_falls_to_that_on_strangers_where_related_pictures_are_kept_together():
    """Features tell who is shown, and a label is drawn for each: nothing can be known of others."""
    rng = np.random.default_rng(0)
    people = np.concatenate([np.arange(200), np.arange(100), np.arange(200, 300)])
    features = rng.normal(size=(300, 400))[people] + rng.normal(size=(400, 400)) / 10
    labels = rng.integers(0, 2, 300)[people]
    splits = np.repeat(["train", "test"], 200)
    copied = pairs(*((number, 200 + number) for number in range(100)))
    found = missed.flattery(features, labels, splits, copied, [None] * 400)
    assert found["related_in_test"] == 100
    assert found["related"] > 0.95
    assert found["unrelated"] == pytest.approx(0.5, abs=0.15)  # three times the deviation of 100
    assert found["kept_together"] == pytest.approx(0.5, abs=0.11)  # and of 200


def test_what_there_are_no_pictures_for_is_not_told():
    features, labels = np.eye(8), np.array([0, 1, 1, 0, 1, 0, 1, 1])
    copied = pairs((0, 5), (1, 6), (2, 7))  # all
    found = missed.flattery(features, labels, SPLITS, copied, NO_MOMENTS)
    assert found.keys() == {"related_in_test", "related"}
    of_one_class = np.zeros(8, dtype=int)
    found = missed.flattery(features, of_one_class, SPLITS, copied, NO_MOMENTS)
    assert found == {"related_in_test": 3}
    assert missed.flattery(features, labels, SPLITS, NO_PAIRS, NO_MOMENTS) == {}
