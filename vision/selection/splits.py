"""Pick the training, validation and test pictures of a class."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple, NoReturn

from vision.runtime.errors import UserError

# Tells, for each of some files, why it can't be used, or None where it can.
Check = Callable[[Sequence[str]], list[str | None]]
# The split to train on.
TRAIN = "train"
# The files of each split.
Splits = dict[str, list[str]]


class TooFewError(UserError):
    """A class has too few pictures; the message is one about this class alone."""


class Place(NamedTuple):
    """Where a file went: its split and its class."""

    split: str
    label: str
    file: str


class Copies:
    """Remembers which content went where, so that no split gets what another one has.

    Attributes
    ----------
    of : gives what only files of equal content have in common, computed once for each.
    places : of each digest that was picked; the first one counts.
    """

    def __init__(self, digest: Callable[[str], str]):
        self.of = cache(digest)
        self.places: dict[str, Place] = {}

    def keep(self, label: str, splits: Splits) -> None:
        """Remember what a class has picked."""
        for split, files in splits.items():
            for file in files:
                self.places.setdefault(self.of(file), Place(split, label, file))


class Picked(NamedTuple):
    """What was picked of a class, and what was met on the way and left out.

    Attributes
    ----------
    splits : the files of each split.
    unusable : files that can't be used, with the reasons.
    copies : files whose content is in another split, and where it is.
    """

    splits: Splits
    unusable: dict[str, str]
    copies: dict[str, Place]


def pick(
    class_name: str,
    files: Sequence[str],
    wanted: Mapping[str, int | float],
    check: Check,
    known: Copies | None = None,
    strict: bool = True,
) -> Picked:
    """Fill each split with the next files of a class that can be used.

    Parameters
    ----------
    files : of the class, in the order in which they are taken.
    wanted : for each split, a count of files, or a share (a float between 0 and 1) of those that
        can be used, rounded down. Only with a share are all files checked.
    known : what the classes before have picked, to which this one's is added. A file whose
        content is in another split, of this class or of one before, can't be used: the copy met
        first stays. None: copies may go anywhere.
    strict : whether a class with fewer files than splits is refused; else, all are to train on.

    Raises
    ------
    TooFewError
        The class has fewer files that can be used than are wanted, or none for some split.
    """
    by_share = any(isinstance(amount, float) for amount in wanted.values())
    usable: list[str] = []
    unusable: dict[str, str] = {}
    rest = list(files)
    missing = len(rest) if by_share else sum(wanted.values())
    shared = len(rest)
    settled = False
    while not settled:
        next_files, rest = rest[:missing], rest[missing:]
        for file, reason in zip(next_files, check(next_files), strict=True):
            if reason is None:
                usable.append(file)
            else:
                unusable[file] = reason
        shared = min(shared, len(usable))
        counts = {split: count(amount, shared) for split, amount in wanted.items()}
        splits, copies = _deal(class_name, usable, counts, known)
        missing = sum(counts.values()) - sum(len(dealt) for dealt in splits.values())
        if by_share:
            # Which files are copies depends on where splits end, and that on how many there are.
            settled = shared <= len(usable) - len(copies)
            shared = min(shared, len(usable) - len(copies))
        else:
            settled = not missing or not rest
    too_few = missing or not all(counts.values())
    if too_few and not strict and len(usable) < len(wanted):
        most = len(usable) if isinstance(wanted[TRAIN], float) else wanted[TRAIN]
        alone = dict.fromkeys(wanted, 0) | {TRAIN: most}
        splits, copies = _deal(class_name, usable, alone, known)
        too_few = not splits[TRAIN]
    if too_few:
        of_copies = f" and {len(copies)} are copies of pictures in another split" if copies else ""
        raise TooFewError(
            f"class {class_name} has too few pictures: {len(usable) - len(copies)} can be used and "
            f"{len(unusable)} can't be decoded{of_copies}{_of_none(wanted, counts, shared)}"
        )
    if known:
        known.keep(class_name, splits)
    return Picked(splits, unusable, copies)


def pick_all(
    classes: Mapping[str, Sequence[str]],
    wanted: Mapping[str, int | float],
    check: Check,
    known: Copies | None = None,
    strict: bool = True,
) -> dict[str, Picked]:
    """Pick of each class, as `pick` does.

    Raises
    ------
    UserError
        Classes have too few pictures: each is named, and at last what to do about it.
    """
    picked: dict[str, Picked] = {}
    too_few: list[str] = []
    for class_name, files in classes.items():
        try:
            picked[class_name] = pick(class_name, files, wanted, check, known, strict)
        except TooFewError as error:
            too_few.append(str(error))
    if too_few:
        refuse(too_few, wanted)
    return picked


def refuse(too_few: Sequence[str], wanted: Mapping[str, int | float]) -> NoReturn:
    """Raise what is said of classes that have too few pictures, and what to do about it."""
    *others, last = too_few
    asked = ", ".join(f"{split} {amount}" for split, amount in wanted.items())
    raise UserError(
        *others,
        f"{last}; of each class, params.yaml asks for {asked}: add pictures, take away the "
        "folders of classes that have too few, or change subset." + ", subset.".join(wanted),
    )


def _deal(
    label: str, files: Sequence[str], counts: Mapping[str, int], known: Copies | None
) -> tuple[Splits, dict[str, Place]]:
    """Deal each split its count of files, in order, but for copies of what another one has."""
    splits: Splits = {split: [] for split in counts}
    copies: dict[str, Place] = {}
    own: dict[str, Place] = {}
    names = [split for split, count in counts.items() for _ in range(count)]
    dealt = 0
    for file in files:
        if dealt == len(names):
            break
        split = names[dealt]
        if known:
            digest = known.of(file)
            first = known.places.get(digest) or own.setdefault(digest, Place(split, label, file))
            if first.split != split:
                copies[file] = first
                continue
        splits[split].append(file)
        dealt += 1
    return splits, copies


def _of_none(wanted: Mapping[str, int | float], counts: Mapping[str, int], usable: int) -> str:
    """Return which splits get nothing of what there is, since their shares are too small for it."""
    none = [f"{split} {wanted[split]}" for split, count in counts.items() if usable and not count]
    if not none:
        return ""
    return f"; of {usable}, {' and '.join(none)} {'are' if len(none) > 1 else 'is'} less than one"


def count(amount: int | float, usable: int) -> int:
    """Return how many files an amount is: a count itself, or a share of those that can be used."""
    # As a decimal fraction: 0.29 of 100 is 29, while 0.29 * 100 falls short of it.
    return int(Fraction(str(amount)) * usable) if isinstance(amount, float) else amount
