"""Tell what the columns of a table hold: by their names, and by what is in them."""

import re
from collections import Counter
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from vision.runtime.errors import UserError
from vision.runtime.text import composed, shown, some
from vision.sources.cells import body, rows
from vision.sources.class_folders import split_told

# What columns are called, in small letters and without spaces and the like, the likeliest first.
_USUAL = {
    "file": (
        "filepath", "filepaths", "imagepath", "imgpath", "path", "paths", "filename", "filenames",
        "imagefile", "imagename", "imgname", "file", "files", "image", "images", "img", "picture",
        "photo", "imageid", "imgid", "id",
    ),
    "label": (
        "label", "labels", "class", "classes", "target", "category", "classname", "labelname",
        "categoryname", "classid", "labelid", "categoryid",
    ),
    "split": ("split", "splits", "fold", "set", "subset", "dataset", "partition", "usage"),
    "group": (
        "group", "groupid", "subject", "subjectid", "patient", "patientid", "site", "siteid",
        "burst", "burstid", "individual", "individualid",
    ),
    "weight": ("weight", "weights", "sampleweight"),
}  # fmt: skip
_ZERO, _ONE = {"0", "0.0", "false", ""}, {"1", "1.0", "true"}
# Of the rows of a table with a column for each class, those that must name exactly one.
_MOSTLY = 0.9


class NoTableError(UserError):
    """What may be no table at all can't be read as one."""


class Columns(NamedTuple):
    """The places of columns in a row; -1 where there is none, several labels: one of each class."""

    header: list[str]
    file: int
    label: list[int]
    split: int
    group: int
    weight: int

    def told(self) -> str:
        """Tell which columns hold what."""
        labels = some([shown(self.header[at]) for at in self.label])
        others = [
            f"{what}: {shown(self.header[at])}"
            for what in ("split", "group", "weight")
            if (at := getattr(self, what)) >= 0
        ]
        return ", ".join([f"file: {shown(self.header[self.file])}", f"label: {labels}", *others])

    def labels(self, row: list[str]) -> list[str]:
        """Return the labels that a row has: one, if all is well."""
        if len(self.label) == 1:
            label = cell(row, self.label[0])
            return [label] if label else []
        return [self.header[at] for at in self.label if cell(row, at).lower() in _ONE]


def cell(row: list[str], at: int) -> str:
    """Return a cell of a row; nothing where it, or the column, is missing."""
    return composed(row[at].strip()) if 0 <= at < len(row) else ""


def header_of(path: Path, name: str) -> list[str]:
    """Return the names of a table's columns."""
    _, header = next(rows(path, name), (1, []))
    return [composed(name.strip()) for name in header]


def find(path: Path, name: str, named: Mapping[str, str | list[str] | None]) -> Columns | None:
    """Return where the columns of a table are; None where it has none for files or for labels.

    Parameters
    ----------
    named : what columns are called, by what they hold; None: they have a usual name.

    Raises
    ------
    NoTableError
        It can't be read so far that it is known for a table of labels.
    UserError
        It is one, and can't be read.
    """
    try:
        header = header_of(path, name)
    except UserError as error:
        raise NoTableError(*error.args) from None
    plain = [re.sub(r"[\W_]+", "", column.casefold()) for column in header]
    own = {what: [names] if isinstance(names, str) else names for what, names in named.items()}
    if not {column for names in own.values() for column in names or ()} <= set(header):
        return None
    places = {what: [header.index(column) for column in own[what] or ()] for what in _USUAL}
    for what, usual in _USUAL.items():
        taken = {at for found in places.values() for at in found}
        found = [plain.index(word) for word in usual if word in plain]
        places[what] = places[what] or [at for at in found if at not in taken][:1]
    if not places["file"]:
        return None
    label = places["label"]
    if not label:
        taken = {at for found in places.values() for at in found}
        try:
            label = _one_of_each_class(path, name, header, taken)
        except UserError as error:
            raise NoTableError(*error.args) from None
    if not label:
        return None
    # A column may be called so and be of something else, such as numbers of folds.
    for what, is_one in (("split", split_told), ("weight", is_weight)):
        if places[what] and not own[what]:
            cells = (cell(row, places[what][0]) for _, row in body(path, name))
            if not any(map(is_one, cells)):
                places[what] = []
    file, split, group, weight = (
        (places[what] or [-1])[0] for what in ("file", "split", "group", "weight")
    )
    return Columns(header, file, label, split, group, weight)


def _one_of_each_class(path: Path, name: str, header: list[str], taken: set[int]) -> list[int]:
    """Return the columns of a table that have a 1 for a row's class and 0 for all others."""
    binary = set(range(len(header))) - taken
    for _, row in body(path, name):
        binary = {at for at in binary if cell(row, at).lower() in _ZERO | _ONE}
        if len(binary) < 2:
            return []
    ones = Counter(
        sum(cell(row, at).lower() in _ONE for at in binary) for _, row in body(path, name)
    )
    return sorted(binary) if ones[1] >= max(1, _MOSTLY * ones.total()) else []


def is_weight(text: str) -> bool:
    """Return whether a text is a number above 0."""
    try:
        return float(text) > 0 and isfinite(float(text))
    except ValueError:
        return False
