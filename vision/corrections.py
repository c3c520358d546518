"""Decisions of the user's about single pictures: drop this one, that one is of another class."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, get_args

from vision.errors import UserError

Action = Literal["drop", "relabel"]
COLUMNS = ["file", "action", "label", "reason"]


class Correction(NamedTuple):
    """What to do with a picture.

    Attributes
    ----------
    label : the class that it is of; empty where it is dropped.
    reason : why, in the user's words.
    """

    action: Action
    label: str
    reason: str


def read(path: Path, classes: Mapping[str, Sequence[str]]) -> dict[str, Correction]:
    """Read a table of corrections: a line of COLUMNS, then one row a picture.

    Parameters
    ----------
    classes : the files of each class, as the first column names them: CLASS/NAME.

    Returns
    -------
    The correction of each file that has one.

    Raises
    ------
    UserError
        The table is missing or has other columns; or rows are wrong, with a line for each.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [*csv.reader(file)] or [[]]
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing; restore it with `git checkout {path}`, or write a line with "
            f"{','.join(COLUMNS)} into it"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV file in UTF-8: {error}") from None
    if [name.strip() for name in header] != COLUMNS:
        raise UserError(
            f"{path}: the first line is {','.join(header)!r}; expected {','.join(COLUMNS)}"
        )
    label_of = {file: label for label, files in classes.items() for file in files}
    corrections: dict[str, Correction] = {}
    complaints = []
    for number, row in enumerate(rows, 2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if complaint := _complaint(cells, label_of, corrections):
            complaints.append(f"{path}: row {number}: {complaint}")
        else:
            file, *correction = cells
            corrections[file] = Correction(*correction)
    if complaints:
        raise UserError(*complaints)
    return corrections


def _complaint(
    cells: list[str], label_of: Mapping[str, str], known: Mapping[str, Correction]
) -> str | None:
    """Tell what is wrong with a row, or None."""
    if len(cells) != len(COLUMNS):
        return (
            f"{len(cells)} cells, expected {len(COLUMNS)}: {', '.join(COLUMNS)}; put quotes around "
            "one with a comma in it"
        )
    file, action, label, _ = cells
    classes = sorted(set(label_of.values()))
    if file not in label_of:
        return f"there is no picture {file}; expected CLASS/NAME, as in {next(iter(label_of))}"
    if file in known:
        return f"{file} has a row already; keep one"
    if action not in get_args(Action):
        return f"the action {action!r} is unknown; expected {' or '.join(get_args(Action))}"
    if action == "drop" and label:
        return f"{file} is to be dropped, and so takes no label; found {label!r}"
    if action == "relabel" and label not in classes:
        return f"the label {label!r} is no class; the classes are {', '.join(classes)}"
    if action == "relabel" and label == label_of[file]:
        return f"{file} is of class {label} already"
    return None


def apply(
    corrections: Mapping[str, Correction], classes: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Give the files of each class as corrected.

    Parameters
    ----------
    classes : the files of each class, in the order in which they are picked.

    Returns
    -------
    The same without those dropped. One relabelled has in the other class the place that it had in
    its own, so that it mostly stays in its split, and other files move by one place at most.
    """
    placed: dict[str, list[tuple[int, bool, str]]] = {label: [] for label in classes}
    for label, files in classes.items():
        for position, file in enumerate(files):
            correction = corrections.get(file)
            if correction is None:
                placed[label].append((position, False, file))
            elif correction.action == "relabel":
                placed[correction.label].append((position, True, file))
    return {label: [file for *_, file in sorted(files)] for label, files in placed.items()}


def name(file: str, label: str, classes: Mapping[str, Sequence[str]]) -> str:
    """Give the name of a picture in the folder of its class, where no other picture has it.

    Parameters
    ----------
    file : CLASS/NAME, with the class that it had.
    label : the class that it has.
    classes : the files of each class, before any correction.
    """
    own, plain = PurePosixPath(file).parts
    if label == own:
        return plain
    taken = {
        PurePosixPath(other).name.casefold()
        for name, files in classes.items()
        for other in files
        if name != own
    }
    while plain.casefold() in taken:
        plain = f"{own}-{plain}"
    return plain
