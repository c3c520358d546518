"""Picks the training, validation and test pictures of a class."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from vision.errors import UserError

# Tells, for each of some files, why it can't be used, or None where it can.
Check = Callable[[Sequence[str]], list[str | None]]


def pick(
    class_name: str, files: Sequence[str], wanted: Mapping[str, int | float], check: Check
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Give each split the next files of a class that can be used.

    Parameters
    ----------
    files : of the class, in the order in which they are taken.
    wanted : for each split, a count of files, or a share (a float between 0 and 1) of those that
        can be used, rounded down. Only with a share are all files checked.

    Returns
    -------
    The files of each split; and the files met on the way that can't be used, with the reasons.

    Raises
    ------
    UserError
        The class has fewer files that can be used than are wanted, or none for some split.
    """
    by_share = any(isinstance(amount, float) for amount in wanted.values())
    usable: list[str] = []
    left_out: dict[str, str] = {}
    rest = list(files)
    while rest and (by_share or len(usable) < sum(wanted.values())):
        missing = len(rest) if by_share else sum(wanted.values()) - len(usable)
        next_files, rest = rest[:missing], rest[missing:]
        for file, reason in zip(next_files, check(next_files), strict=True):
            if reason is None:
                usable.append(file)
            else:
                left_out[file] = reason
    counts = {split: _count(amount, len(usable)) for split, amount in wanted.items()}
    if sum(counts.values()) > len(usable) or not all(counts.values()):
        asked = ", ".join(f"{split} {amount}" for split, amount in wanted.items())
        raise UserError(
            f"class {class_name} has too few pictures: {len(usable)} can be used and "
            f"{len(left_out)} can't be decoded, while params.yaml asks for {asked}; "
            "add pictures, or change subset." + ", subset.".join(wanted)
        )
    splits = {}
    start = 0
    for split, count in counts.items():
        splits[split] = usable[start : start + count]
        start += count
    return splits, left_out


def _count(amount: int | float, usable: int) -> int:
    # As a decimal fraction: 0.29 of 100 is 29, while 0.29 * 100 falls short of it.
    return int(Fraction(str(amount)) * usable) if isinstance(amount, float) else amount
