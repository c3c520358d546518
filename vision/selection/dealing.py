"""Cut pictures into splits where some belong together, or have a split that others gave them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vision.runtime.errors import UserError
from vision.selection.groups import linked, of_one_name
from vision.selection.placing import place
from vision.selection.splits import TRAIN, Copies, Picked, Place, Splits, count, refuse


class Dealt(NamedTuple):
    """How pictures were cut.

    Attributes
    ----------
    picked : of each class.
    missed : class, split, how many it got and how many it was to get, where that is far.
    """

    picked: dict[str, Picked]
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
    known : remembers copies, which stay together as a group does; but one without a split, of a
        file given for validation or test, is left out. None: copies may go anywhere.
    strict : whether classes that have fewer groups than splits are refused.

    Raises
    ------
    UserError
        Classes have too few pictures: each is named, and at last what to do about it.
    """
    given = _followed(given, group_of, [file for files in classes.values() for file in files])
    fixed = {file: split for file, split in given.items() if split != TRAIN}
    copies = _copies_of_fixed(classes, given, fixed, known)
    pool = {
        label: [file for file in files if file not in fixed and file not in copies[label]]
        for label, files in classes.items()
    }
    known_splits = set(given.values())
    amounts = {split: amount for split, amount in wanted.items() if split not in known_splits}
    if amounts.keys() == {TRAIN}:  # nothing is to be cut from it
        amounts = {}
    groups = _groups(pool, group_of, known, shuffle)
    contents = [Counter(label for label, _ in group) for group in groups]
    number_of = Counter(label for content in contents for label in content)
    train_only = [label for label in pool if number_of[label] < len({TRAIN, *amounts})]
    counted = {split: amount for split, amount in amounts.items() if isinstance(amount, int)}
    targets = _targets(pool, amounts, train_only, strict)
    pinned = {
        number: TRAIN
        for number, content in enumerate(contents)
        if not content.keys().isdisjoint(train_only)
    }
    dealt: dict[str, Splits] = {label: {split: [] for split in wanted} for label in pool}
    for group, split in zip(groups, place(contents, targets, counted, pinned), strict=True):
        for label, file in group if split else ():
            dealt[label][split].append(file)
    picked = {}
    for label, splits in dealt.items():
        for split, files in splits.items():
            del files[counted.get(split, len(files)) :]
        for file in classes[label]:
            if file in fixed:
                splits[fixed[file]].append(file)
        picked[label] = Picked(splits, {}, copies[label])
    if untrained := [label for label, of_class in picked.items() if not of_class.splits[TRAIN]]:
        raise UserError(
            f"as groups and given splits are, no picture is left to train on of {len(untrained):,} "
            f"classes: {', '.join(untrained)}; give them some for training, or change "
            "subset.group_by or download.splits"
        )
    return Dealt(picked, _missed(picked, targets, counted))


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


def _copies_of_fixed(
    classes: Mapping[str, Sequence[str]],
    given: Mapping[str, str],
    fixed: Mapping[str, str],
    known: Copies | None,
) -> dict[str, dict[str, Place]]:
    """Find the files of each class without a split whose content is in one that isn't cut."""
    copies: dict[str, dict[str, Place]] = {label: {} for label in classes}
    if not known or not fixed:
        return copies
    for label, files in classes.items():
        for file in files:
            if file in fixed:
                known.places.setdefault(known.of(file), Place(fixed[file], label, file))
    for label, files in classes.items():
        for file in files:
            if file not in given and (first := known.places.get(known.of(file))):
                copies[label][file] = first
    return copies


def _groups(
    pool: Mapping[str, Sequence[str]],
    group_of: Mapping[str, str],
    known: Copies | None,
    shuffle: np.random.Generator | None,
) -> list[list[tuple[str, str]]]:
    """List the class and the name of the files of each group, in the order of their first ones."""
    files = [(label, file) for label, of_class in pool.items() for file in of_class]
    pairs = [of_one_name([group_of.get(file, "") for _, file in files])]
    if known:
        pairs.append(of_one_name([known.of(file) for _, file in files]))
    members: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    numbers = linked(len(files), *map(np.concatenate, zip(*pairs, strict=True)))
    for number, file in zip(numbers, files, strict=True):
        members[number].append(file)
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
        if label in train_only:
            if strict and files:
                too_few.append(
                    f"class {label} has too few groups: its {len(files)} pictures are in fewer "
                    "than there are splits (subset.strict: false trains on them only)"
                )
            elif files:
                targets[TRAIN][label] = len(files)
            continue
        counts = {split: count(amount, len(files)) for split, amount in amounts.items()}
        rest = len(files) - sum(counts.values())
        if rest < 0 or (amounts and TRAIN not in amounts and not rest):
            too_few.append(f"class {label} has too few pictures: {len(files)} can be cut")
        for split, number in ({TRAIN: rest} | counts).items():
            targets[split][label] = max(1, number)
    if len(train_only) == len(pool) and len(targets) > 1:
        raise UserError(
            f"no class has {len(targets)} groups of pictures, one for each split; add pictures, or "
            "set another subset.group_by"
        )
    if too_few:
        refuse(too_few, amounts)
    return targets


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
