"""The user's corrections: pictures to drop, and pictures to relabel."""

import io
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from vision.runtime import delimited
from vision.runtime.errors import UserError
from vision.runtime.files import refuse_unfinished_merge
from vision.runtime.text import class_name, encoding_of, shown

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

    It is in UTF-8 or UTF-16; between its cells are commas, semicolons or tabs. Empty lines, and
    cells that are empty or missing at a row's end, mean nothing, nor does the case of the words
    that stand for columns and actions. Spaces around a cell don't either, but where they are part
    of a name.

    Parameters
    ----------
    classes : the files of each class, as the first column names them: CLASS/NAME.

    Returns
    -------
    The correction of each file that has one.

    Raises
    ------
    UserError
        The table is missing, no text in these encodings, in the midst of a merge, or has other
        columns; or rows are wrong, with a line for each.
    """
    text = io.StringIO(_text(path), newline="")
    (_, header), *rows = list(delimited.rows(text, path)) or [(1, [])]
    if [name.strip().lower() for name in header] != COLUMNS:
        raise UserError(
            f"{path}: the first line is {','.join(header)!r}; expected {','.join(COLUMNS)}"
        )
    label_of = {file: label for label, files in classes.items() for file in files}
    corrections: dict[str, Correction] = {}
    complaints = []
    for number, row in rows:
        cells = row + [""] * (len(COLUMNS) - len(row))
        if len(cells) > len(COLUMNS):
            complaints.append(
                f"{path}: row {number}: {len(cells)} cells, expected {len(COLUMNS)}: "
                f"{', '.join(COLUMNS)}; put quotes around one that has what separates cells in it"
            )
            continue
        file, label = _known(cells[0], label_of), _known(cells[2], classes)
        action, reason = cells[1].strip().lower(), cells[3].strip()
        if complaint := _complaint(file, action, label, label_of, classes, corrections):
            complaints.append(f"{path}: row {number}: {complaint}")
        else:
            corrections[file] = Correction(action, label, reason)
    if complaints:
        raise UserError(*complaints)
    return corrections


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing; restore it with `git checkout {path}`, or write a line with "
            f"{','.join(COLUMNS)} into it"
        ) from None
    try:
        text = unicodedata.normalize("NFC", content.decode(encoding_of(content)))
    except UnicodeDecodeError as error:
        line = len((content[: error.start] + b".").splitlines())
        raise UserError(
            f"{path}: line {line} is not in UTF-8; save the file as UTF-8, which Excel calls "
            "`CSV UTF-8`"
        ) from None
    refuse_unfinished_merge(path, text)
    return text


def _known(cell: str, names: Iterable[str]) -> str:
    """Return the name that a cell means: as it stands, or else without the spaces around it."""
    return cell if cell in names else cell.strip()


def _complaint(
    file: str,
    action: str,
    label: str,
    label_of: Mapping[str, str],
    classes: Collection[str],
    known: Mapping[str, Correction],
) -> str | None:
    """Return what is wrong with a row, or None."""
    if file not in label_of:
        example = shown(next(iter(label_of)))
        return f"there is no picture {shown(file)}; expected CLASS/NAME, as in {example}"
    if file in known:
        return f"{shown(file)} has a row already; keep one"
    if action not in get_args(Action):
        return f"the action {action!r} is unknown; expected {' or '.join(get_args(Action))}"
    if action == "drop" and label:
        return f"{shown(file)} is to be dropped, and so takes no label; found {label!r}"
    if action == "relabel" and label not in classes:
        known_classes = ", ".join(map(shown, sorted(classes)))
        return f"the label {label!r} is no class; the classes are {known_classes}"
    if action == "relabel" and label == label_of[file]:
        return f"{shown(file)} is of class {shown(label)} already"
    return None


def apply(
    corrections: Mapping[str, Correction], classes: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return the files of each class as corrected.

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


def owners(classes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the class that has a picture of a name, whatever its case; "" where several have one.

    Parameters
    ----------
    classes : the files of each class, before any correction.
    """
    found: dict[str, str] = {}
    for label, files in classes.items():
        for file in files:
            plain = file.partition("/")[2].casefold()
            if found.setdefault(plain, label) != label:
                found[plain] = ""
    return found


def name(file: str, label: str, owners: Mapping[str, str]) -> str:
    """Return the name of a picture in the folder of its class, where no other picture has it.

    Parameters
    ----------
    file : CLASS/NAME, with the class that it had.
    label : the class that it has.
    owners : what `owners` gives for all files.
    """
    folder, _, plain = file.partition("/")
    own = class_name(folder)
    if label == own:
        return plain
    while owners.get(plain.casefold(), own) != own:
        plain = f"{folder}-{plain}"
    return plain
