"""Place groups of pictures into splits so that each class gets what it is to get there.

To do that as well as possible is a problem without a fast solution (bin packing, for every class
at once). So groups are placed one after the other, moved as long as that brings the classes nearer,
and all that from several orders, of which the best counts.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

# A split of a class that is empty is worse than any that is too small or too large.
_EMPTY = 10.0
# The first order is good enough if it leaves no class off by more than this share of its pictures.
_NEAR = 0.01
_ORDERS = 10
_PASSES = 20

# The pictures of each class.
Content = Mapping[str, int]


def place(
    contents: Sequence[Content],
    targets: Mapping[str, Content],
    counted: Collection[str],
    pinned: Mapping[int, str],
) -> list[str]:
    """Choose a split for each group.

    In the order given, one split is filled after the other. If that leaves a class far off, as
    large groups fit nowhere at the end, they come earlier, and each goes where it is needed most.

    Parameters
    ----------
    contents : of the groups, in the order in which they are taken.
    targets : what each split is to get.
    counted : splits of which more than that is no harm, since only so many are used.
    pinned : the splits of some groups, by number.

    Returns
    -------
    The split of each group; empty where it isn't needed.
    """
    total = sum(map(Counter, targets.values()), Counter())
    size = np.array(
        [max(content[label] / total[label] for label in content) for content in contents]
    )
    random = np.random.default_rng(0)  # the same in every run
    best, best_places = np.inf, [""] * len(contents)
    for number in range(_ORDERS):
        cells = _Cells(targets, counted)
        if number == 0:
            order = list(range(len(contents)))
        else:
            order = np.argsort(-size * random.uniform(0.5, 1.5, len(size)), kind="stable").tolist()
        places = _filled(cells, contents, order, pinned, in_turn=number == 0)
        _improve(cells, contents, places, pinned)
        if (worst := cells.worst()) < best:
            best, best_places = worst, places
        if best <= _NEAR:
            break
    return best_places


class _Cells:
    """The pictures of each class that each split has got, and what that costs."""

    def __init__(self, targets: Mapping[str, Content], counted: Collection[str]):
        self.targets, self.counted = targets, counted
        self.have: dict[str, Counter[str]] = {split: Counter() for split in targets}
        self.total = sum(map(Counter, targets.values()), Counter())

    def put(self, split: str, content: Content, sign: int = 1) -> None:
        """Put a group into a split, or take it out."""
        for label, number in content.items():
            self.have[split][label] += sign * number

    def lacks(self, split: str, content: Content) -> bool:
        """Check whether a split needs pictures of one of the classes."""
        targets, have = self.targets[split], self.have[split]
        return any(have[label] < targets.get(label, 0) for label in content)

    def change(self, split: str, content: Content) -> float:
        """Return what it costs to put a group into a split."""
        return sum(
            self._cost(split, label, number) - self._cost(split, label, 0)
            for label, number in content.items()
        )

    def worst(self) -> float:
        """Return how far the class that is worst off is from its targets."""
        off = [
            abs(self._off(split, label, 0)) + _EMPTY * (not self.have[split][label])
            for split, of_split in self.targets.items()
            for label in of_split
        ]
        return max(off, default=0.0)

    def _cost(self, split: str, label: str, more: int) -> float:
        empty = label in self.targets[split] and not self.have[split][label] + more
        return self._off(split, label, more) ** 2 + _EMPTY * empty

    def _off(self, split: str, label: str, more: int) -> float:
        """Return how far a class is from its target, as a share of its pictures."""
        off = self.have[split][label] + more - self.targets[split].get(label, 0)
        return 0.0 if off > 0 and split in self.counted else off / self.total[label]


def _filled(
    cells: _Cells,
    contents: Sequence[Content],
    order: Sequence[int],
    pinned: Mapping[int, str],
    in_turn: bool,
) -> list[str]:
    """Put each group into a split that lacks pictures of its classes, if one does.

    Parameters
    ----------
    in_turn : whether it is the first such split; else it is the one that gains most.
    """
    places = [""] * len(contents)
    for number, split in pinned.items():
        places[number] = split
        cells.put(split, contents[number])
    for number in order:
        if number in pinned:
            continue
        content = contents[number]
        if lacking := [split for split in cells.targets if cells.lacks(split, content)]:
            if not in_turn:
                lacking.sort(key=lambda split: cells.change(split, content))
            places[number] = lacking[0]
            cells.put(lacking[0], content)
    return places


def _improve(
    cells: _Cells, contents: Sequence[Content], places: list[str], pinned: Mapping[int, str]
) -> None:
    """Move groups to other splits, one by one, as long as that brings classes nearer."""
    for _ in range(_PASSES):
        moved = False
        for number, content in enumerate(contents):
            if number in pinned:
                continue
            own = places[number]
            if own:
                cells.put(own, content, -1)
            costs = {split: cells.change(split, content) for split in cells.targets}
            if not own:
                costs[""] = 0.0
            best = min(costs, key=costs.__getitem__)
            if costs[best] < costs[own] - 1e-12:
                places[number], moved = best, True
            if places[number]:
                cells.put(places[number], content)
        if not moved:
            return
