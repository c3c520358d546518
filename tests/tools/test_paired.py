from itertools import product
from math import comb, sqrt

import numpy as np
import pytest

from tools.compare import Paired, pair

# 95 % of a normal distribution lie within so many deviations.
Z = 1.959963984540054

NO_FLIPS = Paired(both=90, only_a=0, only_b=0, neither=10)
ORDINARY = Paired(both=85, only_a=3, only_b=9, neither=3)


def exchanged(paired):
    return Paired(paired.both, paired.only_b, paired.only_a, paired.neither)


def test_pictures_are_counted_by_who_is_right():
    right_a = np.array([1, 1, 1, 1, 0, 0, 0, 1, 1, 0], bool)
    right_b = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], bool)
    paired = pair(right_a, right_b)
    assert paired == Paired(both=4, only_a=2, only_b=3, neither=1)
    assert (paired.pictures, paired.accuracy_a, paired.accuracy_b) == (10, 0.6, 0.7)
    assert paired.change == 0.1


@pytest.mark.parametrize(("only_a", "only_b"), [(1, 0), (1, 7), (7, 1), (5, 5), (700, 800)])
def test_the_p_value_is_that_of_a_fair_coin_thrown_for_each_flip(only_a, only_b):
    flips = only_a + only_b
    # Of all 2**flips ways, those at least as uneven; 1 and 7 of 8: 1 + 8 + 8 + 1 of 256.
    uneven = 2 * sum(comb(flips, fewer) for fewer in range(min(only_a, only_b) + 1))
    expected = min(1, uneven / 2**flips)
    # Pictures on which both agree say nothing about luck.
    for both, neither in ((0, 0), (10_000, 500)):
        assert Paired(both, only_a, only_b, neither).p_value() == pytest.approx(expected)


# Worked out by hand: one flip more on each side, two pictures more; middle, and squared error.
@pytest.mark.parametrize(
    ("paired", "middle", "squared_error"),
    [
        # 2 and 8 of 23. The table is Bentur's of 2009, an example of Fagerland and others.
        (Paired(1, 1, 7, 12), 6 / 23, (10 / 23 - 36 / 529) / 23),
        # 4 and 10 of 102.
        (ORDINARY, 6 / 102, (14 / 102 - 36 / 10404) / 102),
        # 1 and 1 of 102.
        (NO_FLIPS, 0, 2 / 102 / 102),
    ],
)
def test_the_interval_of_bonett_and_price_by_hand(paired, middle, squared_error):
    reach = Z * sqrt(squared_error)
    assert paired.interval() == pytest.approx((middle - reach, middle + reach))


@pytest.mark.parametrize("counts", [*product(range(3), repeat=4)])
def test_whatever_happened_the_figures_are_in_their_ranges_and_turn_round(counts):
    """Also with no flips, with nothing but flips, and of one picture."""
    paired = Paired(*counts)
    if paired.pictures:
        low, high = paired.interval()
        assert -1 <= low <= paired.change <= high <= 1
        assert 0 < paired.p_value() <= 1
        assert "nan" not in paired.verdict("one", "two")
        assert exchanged(paired).interval() == (-high, -low)


def test_what_may_be_luck_is_told_with_its_share_of_comparisons():
    assert NO_FLIPS.verdict("main", "slow") == (
        "No difference: main and slow are right on the very same pictures."
    )
    # 0 to 3, or 9 to 12, of 12 flips: 2 * 299 of 4,096 ways, which is 15 %.
    assert ORDINARY.verdict("main", "slow") == (
        "The difference may well be luck: of 100 test pictures slow gets 9 right that main gets "
        "wrong, and main gets 3 right that slow gets wrong, and luck alone would make a split as "
        "uneven in 15% of comparisons."
    )
    said = Paired(1000, 5, 5, 200).verdict("main", "slow")
    assert said.startswith("The difference may well be luck: of 1,210 test pictures")


def test_a_split_that_luck_makes_seldom_is_a_difference_and_the_better_one_is_named_first():
    # 0 or 1, or 8 or 9, of 9 flips: 20 of 512 ways, which is 4 %.
    uneven = Paired(80, 1, 8, 1)
    assert uneven.verdict("main", "slow") == (
        "slow is better than main: of 90 test pictures slow gets 8 right that main gets wrong, and "
        "main gets 1 right that slow gets wrong, and luck alone would make so uneven a split in "
        "4% of comparisons."
    )
    assert exchanged(uneven).verdict("main", "slow").startswith("main is better than slow: ")
    # All of 10 flips one way: 2 of 1,024 ways; 2 of 2**2000 is less than the least number above 0.
    assert "in 1 of 512 comparisons." in Paired(80, 0, 10, 1).verdict("main", "slow")
    assert "in 1 of more than 1,000,000 comparisons." in Paired(0, 0, 2000, 0).verdict("a", "b")
