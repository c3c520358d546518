"""Read labels from tables: a row for each picture, with columns for its file and its label."""

import math
import posixpath
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from vision.runtime.errors import UserError
from vision.runtime.text import shown, some
from vision.sources import columns
from vision.sources.cells import KINDS, body, can_read_parquet
from vision.sources.class_folders import only_tells_split, split_told
from vision.sources.columns import Columns, cell
from vision.sources.file_names import folders_of, is_visible
from vision.sources.finder import Finder, UnusableError
from vision.sources.given import Given, Told
from vision.sources.rules import Rules

_EXAMPLES = 5
_NAMED_BY = "download.columns.file and download.columns.label"

# Why rows and pictures can't be used.
CELLS = "more cells than columns; put quotes around those that have the separator in them"
NO_LABEL = "no label"
LABELS = "several labels"
AT_ODDS = "rows that are at odds, of one picture"
SPLIT = "a split other than train, validation and test"
WEIGHT = "a weight that is no number above 0"
NO_ROW = "no row in the table"


class _Complaints:
    """Rows and pictures that can't be used: how many for each reason, and the first ones."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = defaultdict(list)

    def add(self, why: str, example: str) -> None:
        self.counts[why] += 1
        if len(self.examples[why]) < _EXAMPLES:
            self.examples[why].append(example)

    def listed(self) -> str:
        return ", ".join(
            f"{count:,} with {why} ({some(self.examples[why], _EXAMPLES)}"
            f"{f' and {count - _EXAMPLES:,} more' if count > _EXAMPLES else ''})"
            for why, count in sorted(self.counts.items())
        )


class Labels(NamedTuple):
    """What tables say of pictures.

    Attributes
    ----------
    told : what can be used.
    rows : the number of rows.
    complaints : what can't be used of rows and pictures.
    """

    told: Told
    rows: int
    complaints: _Complaints

    def where_folders_tell(self) -> "Labels":
        """Return the same where pictures need no row."""
        complaints = _Complaints()
        complaints.examples = self.complaints.examples
        complaints.counts = self.complaints.counts.copy()
        del complaints.counts[NO_ROW]
        return self._replace(complaints=complaints)

    def unusable(self) -> str:
        """Return what can't be used, in a line; nothing where all can."""
        if not self.complaints.counts:
            return ""
        names = " and ".join(map(shown, self.told.tables))
        return f"of {self._total:,} rows and pictures of {names}, {self.complaints.listed()}"

    def left_out(self) -> list[str]:
        """Return the same as lines to print."""
        return [f"left out: {unusable}"] if (unusable := self.unusable()) else []

    def check(self, most: float, otherwise: str = "") -> None:
        """Raise a UserError where more can't be used than `download.bad_rows` allows.

        Parameters
        ----------
        otherwise : what else there is to do about it.
        """
        share = self.complaints.counts.total() / max(self._total, 1)
        if share > most:
            raise UserError(
                f"{self.unusable()}; mend that, or allow a share of it by download.bad_rows, which "
                f"is {most:g} (found: {math.ceil(share * 1e4) / 1e4:g}){otherwise}"
            )

    @property
    def _total(self) -> int:
        return self.rows + self.complaints.counts[NO_ROW]


class Table(NamedTuple):
    """A table of labels and what holds for all of its rows.

    Attributes
    ----------
    split : what the table's name tells, to choose between pictures of one name.
    tells_split : whether its pictures are of that split, where no column says so.
    """

    name: str
    path: Path
    columns: Columns
    split: str
    tells_split: bool


def is_table(name: str, rules: Rules) -> bool:
    """Return whether a file's name is one that a table of labels may have."""
    if rules.table == "none" or not is_visible(name):
        return False
    if rules.table != "auto":
        return f"/{name}".endswith(f"/{rules.table}")
    file = posixpath.basename(name).lower()
    # What Kaggle calls so has a row for each picture to predict, with a label that is none.
    usual = file.endswith(KINDS) and "submission" not in file
    return usual and (can_read_parquet() or not file.endswith(".parquet"))


def find(files: Mapping[str, Path], rules: Rules) -> tuple[list[Table], dict[str, str]]:
    """Find the tables of labels among files: those with columns for files and labels.

    Parameters
    ----------
    files : copies of those that `is_table` admits, by their names beside the pictures'.

    Returns
    -------
    These tables, and why others can't be read, by their names.

    Raises
    ------
    UserError
        There are none, while `rules` name a table or columns; or one of them can't be read.
    """
    found: dict[str, Columns] = {}
    unread: dict[str, str] = {}
    for name in sorted(files):
        try:
            if of_table := columns.find(files[name], name, rules.columns):
                found[name] = of_table
        except columns.NoTableError as error:
            unread[name] = str(error)
    if rules.names_table and not found:
        _refuse_what_is_named(files, unread, rules)
    # Tables called train.csv and test.csv tell splits, but one alone doesn't.
    split = {name: split_told(posixpath.splitext(posixpath.basename(name))[0]) for name in found}
    tell = len(set(split.values()) - {""}) > 1
    return [Table(name, files[name], found[name], own, tell) for name, own in split.items()], unread


def read(
    tables: Sequence[Table], pictures: Collection[str], split_of: Callable[[str], str]
) -> Labels:
    """Find the rows of pictures in tables of labels.

    Parameters
    ----------
    pictures : the names of all pictures.
    split_of : gives the split that a picture's folders tell, by its name.

    Raises
    ------
    UserError
        A table can't be read.
    """
    finder = Finder(pictures)
    # A table among others none of whose files is there is of other things.
    of_pictures = [table for table in tables if len(tables) == 1 or _has_any(table, finder)]
    gathered = _Gathered(finder, split_of)
    for table in of_pictures or tables:
        gathered.take(table)
    return gathered.labels(of_pictures or tables)


def _refuse_what_is_named(
    tables: Mapping[str, Path], unread: Mapping[str, str], rules: Rules
) -> NoReturn:
    """Raise a UserError, since the rules name a table, or columns, that can't be found."""
    if unread:
        raise UserError(some([*unread.values()]))
    if not tables:
        what = shown(rules.table) if rules.table != "auto" else f"table ({', '.join(KINDS)})"
        raise UserError(
            f"there is no {what} among the pictures, in which params.yaml (download) has labels "
            "looked up; put it beside them, or set table to auto and the columns to null there"
        )
    named = {what: name for what, name in rules.columns.items() if name}
    wanted = {what: named.get(what) or "a usual name" for what in ("file", "label")} | named
    told = ", ".join(f"{what}: {name}" for what, name in wanted.items())
    raise UserError(
        f"no table has these columns ({told}); {some(_headers(tables)) or 'all are empty'}; name "
        f"those that are meant by {_NAMED_BY}, and the like"
    )


def unknown(tables: Mapping[str, Path]) -> str:
    """Tell, after a semicolon, that tables may tell the classes if their columns are named."""
    if not (headers := _headers(tables)):
        return ""
    return f"; if a table tells them, name its columns by {_NAMED_BY}: {some(headers)}"


def _headers(tables: Mapping[str, Path]) -> list[str]:
    """Tell the columns of each table that has some."""
    return [
        f"{name} has {', '.join(map(shown, header))}"
        for name, path in sorted(tables.items())
        if (header := columns.header_of(path, name))
    ]


def _has_any(table: Table, finder: Finder) -> bool:
    """Return whether any file of a table is there."""
    for _, row in body(table.path, table.name):
        try:
            finder.find(row[table.columns.file] if row else "", table.name, table.split)
        except (UnusableError, IndexError):
            continue
        return True
    return False


class _Gathered:
    """What the rows of all tables say, by picture, and what of them can't be used."""

    def __init__(self, finder: Finder, split_of: Callable[[str], str]) -> None:
        self._finder = finder
        self._split_of = split_of
        self._complaints = _Complaints()
        self._rows = 0
        self._said: dict[str, tuple[str, Given]] = {}
        # Most rows say what others do, and then share it.
        self._shared: dict[tuple[str, Given], tuple[str, Given]] = {}
        self._named: set[str] = set()
        self._at_odds: set[str] = set()
        self._unlabelled: set[str] = set()

    def take(self, table: Table) -> None:
        """Take in the rows of a table."""
        for number, row in body(table.path, table.name):
            self._rows += 1
            file = row[table.columns.file] if len(row) > table.columns.file else ""
            try:
                self._note(row, file, table)
            except UnusableError as why:
                self._complaints.add(str(why), f"row {number:,} of {table.name}: {shown(file)}")

    def _note(self, row: list[str], file: str, table: Table) -> None:
        """Note what a row says of a picture."""
        of = table.columns
        split_cell, weight = cell(row, of.split), cell(row, of.weight)
        split = split_told(split_cell)
        picture = self._finder.find(file, table.name, split or table.split)
        self._named.add(picture)
        if len(row) > len(of.header):
            raise UnusableError(CELLS)
        if split_cell and not split:
            raise UnusableError(SPLIT)
        if weight and not columns.is_weight(weight):
            raise UnusableError(WEIGHT)
        split = split or (table.tells_split and table.split) or self._split_of(picture)
        labels = of.labels(row)
        if len(labels) > 1:
            raise UnusableError(LABELS)
        if not labels and split != "test":
            raise UnusableError(NO_LABEL)
        if not labels:
            self._unlabelled.add(picture)
            return
        said = labels[0], Given(split, cell(row, of.group), "", weight)
        said = self._shared.setdefault(said, said)
        if self._said.setdefault(picture, said) != said and picture not in self._at_odds:
            self._at_odds.add(picture)
            self._complaints.add(AT_ODDS, shown(picture))

    def labels(self, tables: Sequence[Table]) -> Labels:
        """Return what these tables say, which were taken in."""
        label = {name: said[0] for name, said in self._said.items() if name not in self._at_odds}
        unlabelled = self._unlabelled - label.keys()
        for name in sorted(set(self._finder.pictures) - self._named):
            if self._split_of(name) == "test":
                unlabelled.add(name)
            else:
                self._complaints.add(NO_ROW, shown(name))
        folders = _below_all(label)
        given = {name: self._said[name][1]._replace(folder=folders[name]) for name in label}
        names = [table.name for table in tables]
        of = ", ".join(f"{shown(table.name)} ({table.columns.told()})" for table in tables)
        told = Told(label, given, sorted(unlabelled), names, [f"labels from {of}"])
        return Labels(told, self._rows, self._complaints)


def _below_all(pictures: Collection[str]) -> dict[str, str]:
    """Return the folder of each picture below those that all of them have, without splits."""
    folders = {
        name: tuple(part for part in folders_of(name) if not only_tells_split(part))
        for name in pictures
    }
    common = len(posixpath.commonprefix(list(set(folders.values()))))
    return {name: sys.intern("/".join(parts[common:])) for name, parts in folders.items()}
