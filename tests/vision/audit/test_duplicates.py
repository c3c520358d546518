"""Which pictures count as nearly the same."""

import numpy as np
import pytest

from vision.audit.duplicates import group

DIRECTIONS = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
DIFFERENT = ["a", "b", "c", "d"]


def groups(features, digests=DIFFERENT, similarity=0.9):
    """The groups as sets of picture numbers, only those of more than one picture."""
    found = group(digests, np.asarray(features, np.float32), similarity)
    assert sorted(set(found)) == list(range(max(found) + 1))
    sets = [set(np.flatnonzero(found == number)) for number in set(found)]
    return [each for each in sets if len(each) > 1]


def test_different_pictures_stand_alone():
    assert groups(DIRECTIONS) == []
    assert groups(DIRECTIONS + 100) == []  # by what they don't all have in common


def test_equal_files_are_one_group_whatever_their_features_are():
    assert groups(DIRECTIONS, ["a", "b", "c", "b"]) == [{1, 3}]


@pytest.mark.parametrize(("similarity", "expected"), [(0.9, [{0, 2}]), (1.0, [])])
def test_features_that_point_nearly_the_same_way_are_one_group(similarity, expected):
    features = DIRECTIONS.copy()
    features[2] = features[0] + 0.1 * features[1]
    assert groups(features, similarity=similarity) == expected


def test_pictures_that_a_third_one_links_are_one_group():
    # 30 degrees apart from one to the next; opposite ones keep the mean at 0.
    angles = np.deg2rad([0, 30, 60, 180, 210, 240])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert groups(features, list("abcdef"), similarity=0.8) == [{0, 1, 2}, {3, 4, 5}]


def test_pictures_far_apart_in_the_list_are_compared():
    features = np.random.default_rng(0).normal(size=(2500, 64)).astype(np.float32)
    features[2400] = features[3]
    assert groups(features, [str(number) for number in range(2500)]) == [{3, 2400}]


def test_a_picture_without_features_is_like_no_other():
    assert groups(np.stack([np.zeros(8), np.ones(8), -np.ones(8), np.zeros(8)])) == []
