"""Which pictures a draw takes."""

import zlib
from itertools import pairwise

import numpy as np

from studies.random_subsets import draw, is_left_out
from studies.train_heads import different

LABELS = np.array(["cat"] * 10 + ["dog"] * 8)
ALONE = np.array([""] * len(LABELS))


def test_smaller_draws_lie_within_larger_ones():
    drawn = [set(draw(LABELS, ALONE, size, 4, seed=1)) for size in range(1, 9)]
    assert all(small < large for small, large in pairwise(drawn))


def test_seeds_and_numbers_make_different_draws():
    drawn = {
        tuple(draw(LABELS, ALONE, 4, number, seed)) for number in range(5) for seed in range(5)
    }
    assert len(drawn) > 20  # of 70 * 70 possible ones for two classes of 8


def test_without_groups_the_draw_is_that_of_before_there_were_groups():
    for number in range(5):
        rng = np.random.default_rng([1, number, zlib.crc32(b"cat")])
        before = np.sort(rng.permutation(np.arange(10))[:3])
        assert draw(LABELS[:10], ALONE[:10], 3, number, seed=1).tolist() == before.tolist()


def test_groups_are_drawn_whole_but_for_the_last():
    groups = np.array([f"burst {number // 2}" for number in range(10)])
    for number in range(5):
        drawn = {size: draw(LABELS[:10], groups, size, number, seed=1) for size in (3, 4, 6)}
        assert set(drawn[3]) < set(drawn[4]) < set(drawn[6])
        for size in (4, 6):
            assert len(set(groups[drawn[size]])) == size / 2


def test_other_classes_leave_a_draw_alone():
    both = draw(LABELS, ALONE, 3, 0, seed=1)
    assert sorted(LABELS[both]) == ["cat"] * 3 + ["dog"] * 3
    assert both.tolist() == sorted(set(both.tolist()))
    assert draw(LABELS[:10], ALONE[:10], 3, 0, seed=1).tolist() == both[both < 10].tolist()


def test_of_all_pictures_there_is_one_draw():
    (chosen,) = different(LABELS[2:], ALONE[2:], 8, 5, seed=1)
    assert chosen.tolist() == list(range(16))
    assert len(different(LABELS, ALONE, 8, 5, seed=1)) == 5  # one class has more


def test_a_size_of_all_that_there_is_is_not_left_out(tmp_path):
    assert not is_left_out(8, LABELS, tmp_path / "8.json")
