"""Cut pictures into splits where some belong together, or have a split that others gave them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vision.runtime.errors import UserError
from vision.selection.splits import TRAIN, Copies, Picked, Place, Splits, count, refuse

# An empty split of a class is worse than any other being too small or too large.
_EMPTY = 10.0
# Groups are taken in order as long as that costs no class more than this share of its pictures.
_ORDER_WORTH = 0.01
_PASSES = 20


class Dealt(NamedTuple):
    """How pictures were cut.

    Attributes
    ----------
    picked : of each class.
    train_only : the classes that are trained on only, for want of pictures or of groups.
    missed : class, split, how many it got and how many it was to get, where that is far.
    """

    picked: dict[str, Picked]
    train_only: list[str]
    missed: list[tuple[str, str, int, int]]


def deal(
    classes: Mapping[str, Sequence[str]],
    group_of: Mapping[str, str],
    given: Mapping[str, str],
    wanted: Mapping[str, int | float],
    shuffle: np.random.Generator | None = None,
    known: Copies | None = None,
    strict: bool = False,
) -> Dealt:
    """Cut the pictures of all classes into splits, groups whole and given splits as they are.

    Parameters
    ----------
    classes : the files of each that can be used, in natural order.
    group_of : the group of each file that has one, whatever its class.
    given : the split of each file to which others gave one. What is given for training, and what
        has no split, is cut into those that are not given at all, and the rest trained on.
    wanted : for each split a count of pictures of each class, or a share.
    shuffle : draws the order in which groups are taken; None: that of their first pictures.
    known : remembers copies; a file whose content another split has is left out, unless that split
        was given. None: copies may go anywhere.
    strict : whether classes that have fewer groups than splits are refused.

    Raises
    ------
    UserError
        Classes have too few pictures: each is named, and at last what to do about it.
    """
    given = _followed(given, group_of, [file for files in classes.values() for file in files])
    fixed = {file: split for file, split in given.items() if split != TRAIN}
    known_splits = set(given.values())
    open_splits = [split for split in wanted if split == TRAIN or split not in known_splits]
    pool = {label: [f for f in files if f not in fixed] for label, files in classes.items()}
    amounts = {
        split: wanted[split] for split in open_splits if split != TRAIN or TRAIN not in known_splits
    }
    groups = _groups(pool, group_of, shuffle)
    contents = [Counter(label for label, _ in group) for group in groups]
    of_class = Counter(label for content in contents for label in content)
    train_only = [label for label in pool if of_class[label] < len(open_splits)]
    targets = _targets(pool, amounts, train_only, strict)
    counted = {split for split, amount in amounts.items() if isinstance(amount, int)}
    pinned = {
        number: TRAIN
        for number, content in enumerate(contents)
        if not content.keys().isdisjoint(train_only)
    }
    places = place(contents, targets, counted, pinned)
    dealt: dict[str, Splits] = {label: {split: [] for split in wanted} for label in pool}
    for group, split in zip(groups, places, strict=True):
        for label, file in group if split else ():
            dealt[label][split].append(file)
    picked = {}
    for label, splits in dealt.items():
        most = {split: amounts[split] for split in counted}
        copies = _take(label, splits, most, known)
        for file in classes[label]:
            if file in fixed:
                splits[fixed[file]].append(file)
        if not splits[TRAIN]:
            raise UserError(
                f"class {label} has no pictures to train on, as its groups and given splits are; "
                "give it some for training, or set another subset.group_by"
            )
        picked[label] = Picked(splits, {}, copies)
    return Dealt(picked, train_only, _missed(picked, targets, counted))


def _followed(
    given: Mapping[str, str], group_of: Mapping[str, str], files: Sequence[str]
) -> dict[str, str]:
    """Give files without a split that of the others of their group, where these have one."""
    of_group: dict[str, str] = {}
    for file in sorted(files, key=lambda file: given.get(file, "") != TRAIN):
        if given.get(file) and file in group_of:
            of_group.setdefault(group_of[file], given[file])
    splits = {file: given.get(file) or of_group.get(group_of.get(file, ""), "") for file in files}
    return {file: split for file, split in splits.items() if split}


def _groups(
    pool: Mapping[str, Sequence[str]],
    group_of: Mapping[str, str],
    shuffle: np.random.Generator | None,
) -> list[list[tuple[str, str]]]:
    """List the class and the name of the files of each group, in the order of their first ones."""
    members: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for label, files in pool.items():
        for file in files:
            members[_key(file, group_of)].append((label, file))
    groups = list(members.values())
    return [groups[n] for n in shuffle.permutation(len(groups))] if shuffle else groups


def _key(file: str, group_of: Mapping[str, str]) -> tuple[str, str]:
    """Return what the files of a group have in common, and no others."""
    group = group_of.get(file, "")
    return group, "" if group else file


def _targets(
    pool: Mapping[str, Sequence[str]],
    amounts: Mapping[str, int | float],
    train_only: Collection[str],
    strict: bool,
) -> dict[str, dict[str, int]]:
    """Return how many pictures of each class each split is to get.

    Parameters
    ----------
    amounts : of each split that is cut; without one to train on, it gets the rest.
    """
    targets: dict[str, dict[str, int]] = {split: {} for split in (TRAIN, *amounts)}
    too_few = []
    for label, files in pool.items():
        if label in train_only and not strict:
            targets[TRAIN][label] = len(files)
            continue
        counts = {split: count(amount, len(files)) for split, amount in amounts.items()}
        rest = len(files) - sum(counts.values())
        if label in train_only:
            too_few.append(
                f"class {label} has too few groups: {len(files)} pictures, all in fewer groups "
                "than there are splits (subset.strict: false trains on them only)"
            )
        elif rest < 0 or (TRAIN not in amounts and not rest):
            too_few.append(f"class {label} has too few pictures: {len(files)} can be cut")
        counts.setdefault(TRAIN, rest)
        for split, number in counts.items():
            targets[split][label] = max(1, number)
    if len(train_only) == len(pool) and len(targets) > 1:
        raise UserError(
            f"no class has {len(targets)} groups of pictures, one for each split; add pictures, or "
            "set another subset.group_by"
        )
    if too_few:
        refuse(too_few, amounts)
    return targets


class _Cells:
    """The pictures of each class that each split has got, and what that costs.

    Parameters
    ----------
    targets : what each is to get.
    counted : splits of which more is no harm, since a part of it is taken.
    """

    def __init__(self, targets: Mapping[str, Mapping[str, int]], counted: Collection[str]):
        self.targets, self.counted = targets, counted
        self.have: dict[str, Counter[str]] = {split: Counter() for split in targets}
        self.total: Counter[str] = Counter()
        for of_split in targets.values():
            self.total.update(of_split)

    def off(self, split: str, label: str, more: int = 0) -> float:
        """Return how far a class is from its target, as a share of all of its pictures."""
        off = self.have[split][label] + more - self.targets[split].get(label, 0)
        return 0.0 if off > 0 and split in self.counted else off / self.total[label]

    def cost(self, split: str, label: str, more: int) -> float:
        wanted = self.targets[split].get(label, 0)
        empty = wanted > 0 and self.have[split][label] + more == 0
        return self.off(split, label, more) ** 2 + _EMPTY * empty

    def change(self, split: str, content: Mapping[str, int], sign: int) -> float:
        """Return what it costs to put a group into a split, or to take it out."""
        return sum(
            self.cost(split, label, sign * number) - self.cost(split, label, 0)
            for label, number in content.items()
        )

    def lacks(self, split: str, content: Mapping[str, int]) -> bool:
        wanted = self.targets[split]
        return any(self.have[split][label] < wanted.get(label, 0) for label in content)

    def put(self, split: str, content: Mapping[str, int], sign: int = 1) -> None:
        for label, number in content.items():
            self.have[split][label] += sign * number

    def worst(self) -> float:
        return max(
            abs(self.off(split, label)) + _EMPTY * (not self.have[split][label])
            for split, of_split in self.targets.items()
            for label in of_split
        )


def place(
    contents: Sequence[Mapping[str, int]],
    targets: Mapping[str, Mapping[str, int]],
    counted: Collection[str],
    pinned: Mapping[int, str],
) -> list[str]:
    """Choose a split for each group so that classes get what they are to get, as near as may be.

    Groups fill the splits in order. Then each moves to where it does more good, until none does.
    Where that leaves a class off by more than it does to place the largest groups first, as large
    ones fit nowhere at the end, these are.

    Parameters
    ----------
    contents : the pictures of each class in each group, in the order in which they are taken.
    targets : for each split, the pictures of each class that it is to get.
    counted : splits that take no more than that of what they are given.
    pinned : the splits of some groups.

    Returns
    -------
    The split of each group; empty where it isn't needed.
    """

    def filled(by_size: bool) -> tuple[float, list[str]]:
        cells, places = _Cells(targets, counted), [""] * len(contents)
        order = list(range(len(contents)))
        if by_size:
            order.sort(key=lambda n: -max(contents[n][k] / cells.total[k] for k in contents[n]))
        for number in sorted(order, key=lambda n: n not in pinned):
            content = contents[number]
            lacking = [split for split in targets if cells.lacks(split, content)]
            if by_size:
                lacking.sort(key=lambda split: cells.change(split, content, 1))
            if number in pinned or lacking:
                places[number] = pinned.get(number) or lacking[0]
                cells.put(places[number], content)
        _improve(cells, contents, places, pinned)
        return cells.worst(), places

    in_order, places = filled(by_size=False)
    if in_order > _ORDER_WORTH:
        largest_first, others = filled(by_size=True)
        if largest_first < in_order - _ORDER_WORTH:
            return others
    return places


def _improve(
    cells: _Cells,
    contents: Sequence[Mapping[str, int]],
    places: list[str],
    pinned: Mapping[int, str],
) -> None:
    """Move groups to other splits, one by one, as long as that brings classes nearer."""
    for _ in range(_PASSES):
        moved = False
        for number, content in enumerate(contents):
            own = places[number]
            if number in pinned:
                continue
            if own:
                cells.put(own, content, -1)
            gains = {split: cells.change(split, content, 1) for split in cells.targets}
            if not own:
                gains[""] = 0.0
            best = min(gains, key=gains.__getitem__)
            if gains[best] < gains[own] - 1e-12:
                places[number], moved = best, True
            if places[number]:
                cells.put(places[number], content)
        if not moved:
            return


def _take(
    label: str, splits: Splits, most: Mapping[str, int], known: Copies | None
) -> dict[str, Place]:
    """Leave in the splits of a class what is to be used, and return the copies that are left out.

    Parameters
    ----------
    most : the count of pictures of each split that is counted.
    """
    copies: dict[str, Place] = {}
    for split, files in splits.items():
        taken: list[str] = []
        for file in files:
            if len(taken) == most.get(split):
                break
            if known:
                here = Place(split, label, file)
                first = known.places.setdefault(known.of(file), here)
                if first.split != split:
                    copies[file] = first
                    continue
            taken.append(file)
        splits[split] = taken
    return copies


def _missed(
    picked: Mapping[str, Picked],
    targets: Mapping[str, Mapping[str, int]],
    counted: Collection[str],
) -> list[tuple[str, str, int, int]]:
    """List what is short of a count, and what is off a share by more than a tenth and a picture."""
    missed = []
    for split, of_split in targets.items():
        for label, wanted in of_split.items():
            have = len(picked[label].splits[split])
            allowed = 0 if split in counted else max(1, wanted / 10)
            if wanted - have > allowed or have - wanted > max(1, allowed):
                missed.append((label, split, have, wanted))
    return missed


def copies_across(picked: Mapping[str, Picked], digest: Callable[[str], str]) -> dict[str, int]:
    """Count the pictures of each class whose very file an earlier split has."""
    first: dict[str, str] = {}
    found = dict.fromkeys(picked, 0)
    for split in next(iter(picked.values())).splits:
        for label, of_class in picked.items():
            for file in of_class.splits[split]:
                found[label] += first.setdefault(digest(file), split) != split
    return found


def count_groups(
    picked: Mapping[str, Picked], group_of: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """Count the groups of each class in each split; a picture that is in none counts as one."""
    return {
        split: {
            label: len({_key(file, group_of) for file in of_class.splits[split]})
            for label, of_class in picked.items()
        }
        for split in next(iter(picked.values())).splits
    }


def straddling(picked: Mapping[str, Picked], group_of: Mapping[str, str]) -> int:
    """Count the groups that are in several splits, as only given ones are."""
    places = {
        (group_of[file], split)
        for of_class in picked.values()
        for split, files in of_class.splits.items()
        for file in files
        if file in group_of
    }
    return sum(number > 1 for number in Counter(group for group, _ in places).values())
