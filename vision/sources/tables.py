"""Read labels from tables: a row for each picture, with columns for its file and its label.

CSV with any usual separator, TSV, and Parquet where pyarrow is installed. Rows are read one by one,
as text: a label `no`, `NA` or `01` stays what it is.
"""

import codecs
import csv
import posixpath
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from vision.runtime.errors import UserError
from vision.runtime.text import composed, encoding_of, shown, some
from vision.sources.class_folders import only_tells_split, split_of, split_told
from vision.sources.class_names import folder_name
from vision.sources.file_names import folded, is_archive, is_picture, is_visible, stem
from vision.sources.given import Given
from vision.sources.rules import Rules

KINDS = (".csv", ".tsv", ".parquet")
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
_SEPARATORS = ",;\t|"
# A first line by which programs tell Excel what separates cells.
_TOLD_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_ABSOLUTE = re.compile(r"~?/|[a-z]:[/\\]|\\\\", re.IGNORECASE)
_ZERO, _ONE = {"0", "0.0", "false", ""}, {"1", "1.0", "true"}
# Of the rows of a table with a column for each class, those that must name exactly one.
_MOSTLY = 0.9
_EXAMPLES = 5

NO_FILE = "no file"
MISSING = "a file that isn't there"
SEVERAL = "a name that several pictures have, so that the folder has to stand before it"
ADDRESS = "a web address in place of a file; download these pictures first"
ABSOLUTE = "a path from the root of a disk, where one as seen from the table is needed"
OUTSIDE = "a path that leads out of the folder; put these pictures beside the table"
CELLS = "more cells than columns; put quotes around those that have the separator in them"
NO_LABEL = "no label"
LABELS = "several labels"
AT_ODDS = "rows that are at odds, of one picture"
SPLIT = "a split other than train, validation and test"
WEIGHT = "a weight that is no number above 0"
NO_ROW = "no row in the table"


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


class Labels(NamedTuple):
    """What tables say of pictures.

    Attributes
    ----------
    label : of each picture that has one that can be used.
    given : what else is known of these.
    unlabelled : pictures for the test that have no label.
    tables : the names of the tables.
    said : where the labels come from, in a line.
    unusable : what can't be used of rows and pictures, in a line; empty where all can.
    share : of those.
    """

    label: dict[str, str]
    given: dict[str, Given]
    unlabelled: list[str]
    tables: list[str]
    said: str
    unusable: str
    share: float

    def check(self, most: float) -> None:
        """Raise a UserError where more can't be used than `download.bad_rows` allows."""
        if self.share > most:
            raise UserError(
                f"{self.unusable}; mend that, or allow a share of it by download.bad_rows, which "
                f"is {most:g} (found: {self.share:.2g})"
            )


class _Columns(NamedTuple):
    """The places of columns in a row; -1 where there is none, several labels: one of each class."""

    header: list[str]
    file: int
    label: list[int]
    split: int
    group: int
    weight: int

    def told(self) -> str:
        names = [f"file: {shown(self.header[self.file])}"]
        labels = [shown(self.header[at]) for at in self.label]
        names.append(f"label: {some(labels)}")
        for what in ("split", "group", "weight"):
            if (at := getattr(self, what)) >= 0:
                names.append(f"{what}: {shown(self.header[at])}")
        return ", ".join(names)


class _Rows(NamedTuple):
    """What holds for all rows of a table.

    Attributes
    ----------
    split : what the table's name tells, to choose between pictures of one name.
    tells : whether its pictures are of that split, where no column says so.
    """

    table: str
    columns: _Columns
    split: str
    tells: bool

    @property
    def folder(self) -> str:
        return self.table.rpartition("/")[0]

    def cell(self, row: list[str], at: int) -> str:
        """Return a cell of a row; nothing where it, or the column, is missing."""
        return sys.intern(composed(row[at].strip())) if 0 <= at < len(row) else ""


class _Complaints:
    """Rows and pictures that can't be used: how many for each reason, and the first ones."""

    def __init__(self) -> None:
        self.rows = 0
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = defaultdict(list)

    def add(self, why: str, example: str) -> None:
        self.counts[why] += 1
        if len(self.examples[why]) < _EXAMPLES:
            self.examples[why].append(example)

    def add_all(self, other: "_Complaints") -> None:
        self.rows += other.rows
        self.counts += other.counts
        for why, examples in other.examples.items():
            self.examples[why] += examples

    def listed(self) -> str:
        return ", ".join(
            f"{count:,} with {why} ({some(self.examples[why][:_EXAMPLES], _EXAMPLES)}"
            f"{f' and {count - _EXAMPLES:,} more' if count > _EXAMPLES else ''})"
            for why, count in sorted(self.counts.items())
        )


class _UnusableError(Exception):
    """Why a row can't be used: one of the words above."""


def read(tables: Mapping[str, Path], pictures: Collection[str], rules: Rules) -> Labels | None:
    """Find the rows of pictures in all tables that have columns for files and labels.

    Parameters
    ----------
    tables : copies of those that `is_table` admits, by their names beside the pictures'.
    pictures : the names of all pictures.

    Returns
    -------
    None where no table has such columns, or no row of any has a file that is there.

    Raises
    ------
    UserError
        A table can't be read, a column that `rules` name is missing, or a table that they name.
    """
    columns = {name: _columns(path, name, rules) for name, path in sorted(tables.items())}
    known = {name: found for name, found in columns.items() if found}
    if not known:
        _refuse_what_is_named(tables, rules)
        return None
    # Tables called train.csv and test.csv tell splits, but one alone doesn't.
    by_table = {name: split_told(posixpath.splitext(posixpath.basename(name))[0]) for name in known}
    tell = len(set(by_table.values()) - {""}) > 1
    gathered = _Gathered(pictures)
    used = {}
    for name, found in known.items():
        complaints = _Complaints()
        rows = _Rows(name, found, by_table[name], tell)
        # A table among others none of whose files is there is of other things.
        if gathered.take(rows, _body(tables[name], name), complaints) or len(known) == 1:
            used[name] = found
            gathered.complaints.add_all(complaints)
    return gathered.labels(used or known)


def _refuse_what_is_named(tables: Mapping[str, Path], rules: Rules) -> None:
    """Raise a UserError where the rules name a table, or columns, that can't be found."""
    named = {what: name for what, name in rules.of_table().items() if name}
    if rules.table == "none" or (not named and rules.table == "auto"):
        return
    if not tables:
        what = shown(rules.table) if rules.table != "auto" else f"table ({', '.join(KINDS)})"
        raise UserError(
            f"there is no {what} among the pictures, in which params.yaml (download) has labels "
            "looked up; put it beside them, or set table to auto and the columns to null there"
        )
    headers = [
        f"{name} has {', '.join(shown(cell) for cell in next(_rows(path, name), (0, []))[1])}"
        for name, path in sorted(tables.items())
    ]
    wanted = {what: named.get(what) or "a usual name" for what in ("file", "label")} | named
    told = ", ".join(f"{what}: {name}" for what, name in wanted.items())
    raise UserError(
        f"no table has these columns ({told}); {some(headers)}; name those that are meant by "
        "download.file_column and download.label_column, and the like"
    )


# --- columns ---


def _columns(path: Path, name: str, rules: Rules) -> _Columns | None:
    """Return where the columns of a table are; None where it has none for files or for labels."""
    rows = _rows(path, name)
    _, header = next(rows, (1, []))
    header = [composed(cell.strip()) for cell in header]
    plain = [re.sub(r"[\W_]+", "", cell.casefold()) for cell in header]
    named = rules.of_table()
    at: dict[str, int] = {}
    for what, usual in _USUAL.items():
        own = named[what]
        if isinstance(own, str):
            at[what] = header.index(own) if own in header else -1
            if at[what] < 0:
                return None
        else:
            found = [plain.index(word) for word in usual if word in plain]
            at[what] = next((place for place in found if place not in at.values()), -1)
    own = named["label"]
    if at["file"] < 0 or (isinstance(own, list) and not set(own) <= set(header)):
        return None
    if isinstance(own, list):
        label = [header.index(each) for each in own]
    elif at["label"] >= 0:
        label = [at["label"]]
    else:
        label = _one_of_each_class(path, name, set(at.values()))
    if not label:
        return None
    # A column may be called so and be of something else: numbers of folds, a breed's weight.
    fits = {"split": split_told, "weight": _is_weight}
    for what, is_fit in fits.items():
        if at[what] >= 0 and not named[what]:
            cells = (row[at[what]].strip() for _, row in _body(path, name) if len(row) > at[what])
            if not any(map(is_fit, cells)):
                at[what] = -1
    return _Columns(header, at["file"], label, at["split"], at["group"], at["weight"])


def _one_of_each_class(path: Path, name: str, taken: set[int]) -> list[int]:
    """Return the columns of a table that have a 1 for a row's class and 0 for all others."""
    binary: set[int] = set()
    for number, (_, row) in enumerate(_body(path, name)):
        zeros_and_ones = {
            at for at, cell in enumerate(row) if cell.strip().lower() in _ZERO | _ONE
        } - taken
        binary = zeros_and_ones if number == 0 else binary & zeros_and_ones
        if len(binary) < 2:
            return []
    count = one = 0
    for _, row in _body(path, name):
        count += 1
        one += sum(row[at].strip().lower() in _ONE for at in binary) == 1
    return sorted(binary) if count and one >= _MOSTLY * count else []


def _is_weight(cell: str) -> bool:
    try:
        return float(cell) > 0 and isfinite(float(cell))
    except ValueError:
        return False


# --- rows ---


class _Gathered:
    """What the rows of all tables say, by picture, and what of them can't be used."""

    def __init__(self, pictures: Collection[str]):
        self.pictures = pictures
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in pictures:
            self._by_stem[folded(posixpath.splitext(posixpath.basename(name))[0])].append(name)
        self.complaints = _Complaints()
        self._said: dict[str, tuple[str, Given]] = {}
        self._named: set[str] = set()
        self._at_odds: set[str] = set()
        self._unlabelled: set[str] = set()

    def take(
        self, of: _Rows, rows: Iterator[tuple[int, list[str]]], complaints: _Complaints
    ) -> int:
        """Take in the rows of a table; return how many have a picture that is there."""
        found = 0
        for number, row in rows:
            complaints.rows += 1
            cell = row[of.columns.file] if len(row) > of.columns.file else ""
            split = split_told(of.cell(row, of.columns.split))
            try:
                picture = self._find(cell, of.folder, split or of.split)
                found += 1
                self._named.add(picture)
                self._note(picture, row, of, split, complaints)
            except _UnusableError as why:
                complaints.add(str(why), f"row {number:,} of {of.table}: {shown(cell)}")
        return found

    def _find(self, cell: str, folder: str, split: str) -> str:
        """Return the picture that a cell names, as seen from a folder, or from any below it."""
        if not cell.strip():
            raise _UnusableError(NO_FILE)
        name = composed(cell)
        for text in dict.fromkeys((name, name.strip(), name.strip().replace("\\", "/"))):
            path = posixpath.normpath(posixpath.join(folder, text))
            if path in self.pictures:
                return path
        if _ADDRESS.match(text):
            raise _UnusableError(ADDRESS)
        if _ABSOLUTE.match(name.strip()):
            raise _UnusableError(ABSOLUTE)
        if path.startswith(".."):
            raise _UnusableError(OUTSIDE)
        text = posixpath.normpath(text)
        below = f"{folder}/" if folder else ""
        for candidates in self._called(text):
            near = [name for name in candidates if name.startswith(below)] or candidates
            if len(near) > 1:
                # Of a row for training, it is the one below the folder train.
                near = [name for name in near if split and _split_of(name) == split]
            if len(near) == 1:
                return near[0]
            raise _UnusableError(SEVERAL)
        raise _UnusableError(MISSING)

    def _called(self, text: str) -> Iterator[list[str]]:
        """Yield pictures that a path may mean, the likeliest first: whole, or without a suffix."""
        for whole in (True, False):
            file = posixpath.basename(text)
            if whole and not is_picture(file):
                continue
            key = posixpath.splitext(file)[0] if whole else file
            found = [
                (name, f"/{name if whole else posixpath.splitext(name)[0]}")
                for name in self._by_stem.get(folded(key), ())
            ]
            exact = [name for name, path in found if path.endswith(f"/{text}")]
            alike = [name for name, path in found if folded(path).endswith(folded(f"/{text}"))]
            if exact or alike:
                yield exact or alike

    def _note(
        self, picture: str, row: list[str], of: _Rows, split: str, complaints: _Complaints
    ) -> None:
        """Note what a row says of a picture."""
        columns = of.columns
        if len(row) > len(columns.header):
            raise _UnusableError(CELLS)
        if not split and of.cell(row, columns.split):
            raise _UnusableError(SPLIT)
        own_split = split or (of.tells and of.split) or _split_of(picture)
        if len(columns.label) == 1:
            label = of.cell(row, columns.label[0])
        else:
            ones = [at for at in columns.label if of.cell(row, at).lower() in _ONE]
            if len(ones) > 1:
                raise _UnusableError(LABELS)
            label = "".join(columns.header[at] for at in ones)
        weight = of.cell(row, columns.weight)
        if not label:
            if own_split == "test":
                self._unlabelled.add(picture)
                return
            raise _UnusableError(NO_LABEL)
        if weight and not _is_weight(weight):
            raise _UnusableError(WEIGHT)
        given = Given(own_split, of.cell(row, columns.group), "", weight)
        said = sys.intern(folder_name(label)), given
        if self._said.setdefault(picture, said) != said and picture not in self._at_odds:
            self._at_odds.add(picture)
            complaints.add(AT_ODDS, shown(picture))

    def labels(self, columns: Mapping[str, _Columns]) -> Labels:
        """Return what the tables with these columns say."""
        label = {name: told for name, (told, _) in self._said.items() if name not in self._at_odds}
        unlabelled = self._unlabelled - label.keys()
        for name in self.pictures:
            if name not in self._named:
                if _split_of(name) == "test":
                    unlabelled.add(name)
                else:
                    self.complaints.add(NO_ROW, shown(name))
        folders = _below_all(label)
        given = {name: self._said[name][1]._replace(folder=folders[name]) for name in label}
        counts = self.complaints.counts
        total = self.complaints.rows + counts[NO_ROW]
        names = " and ".join(map(shown, columns))
        told = ", ".join(f"{shown(name)} ({each.told()})" for name, each in columns.items())
        return Labels(
            label,
            given,
            sorted(unlabelled),
            list(columns),
            f"labels from {told}",
            f"of {total:,} rows and pictures of {names}, {self.complaints.listed()}"
            if counts.total()
            else "",
            counts.total() / max(total, 1),
        )


def _parts(picture: str) -> list[str]:
    """Return the folders of a picture, with archives as folders."""
    return [stem(part) if is_archive(part) else part for part in picture.split("/")[:-1]]


def _split_of(picture: str) -> str:
    return split_of(_parts(picture))


def _below_all(pictures: Collection[str]) -> dict[str, str]:
    """Return the folder of each picture below those that all of them have, without splits."""
    folders = {
        name: [part for part in _parts(name) if not only_tells_split(part)] for name in pictures
    }
    distinct = list({tuple(parts) for parts in folders.values()})
    common = len(posixpath.commonprefix(distinct))
    return {name: sys.intern("/".join(parts[common:])) for name, parts in folders.items()}


# --- files ---


def _body(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    rows = _rows(path, name)
    next(rows, None)
    return rows


def _rows(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table that aren't empty, the header first, with their numbers."""
    if name.lower().endswith(".parquet"):
        yield from enumerate(_rows_of_parquet(path, name), 1)
        return
    try:
        with path.open(encoding=_encoding(path), newline="") as file:
            first = next((line for line in file if line.strip()), "")
            if told := _TOLD_SEPARATOR.fullmatch(first):
                separator, lines = told[1], file
            else:
                separator, lines = max(_SEPARATORS, key=first.count), chain([first], file)
            # Strict, or a quote that isn't closed would take in all the rows that follow.
            reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
            number = 0
            for number, row in enumerate(reader, 1):
                while row and not row[-1].strip() and number > 1:
                    row.pop()
                if row:
                    yield number, row
    except csv.Error as error:
        raise UserError(
            f"{name}: row {number + 1}: its quotes can't be read ({error}); close each one that is "
            "opened, and write one within quotes twice"
        ) from None
    except UnicodeDecodeError:
        raise UserError(
            f"{name} is neither in UTF-8 nor in UTF-16 or cp1252; save it as UTF-8, which Excel "
            "calls `CSV UTF-8`"
        ) from None


def _encoding(path: Path) -> str:
    """Return the encoding of a text: UTF-8, UTF-16, or else what Windows in the West writes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        beginning = file.read(4096)
        if (encoding := encoding_of(beginning)) != "utf-8-sig":
            return encoding
        try:
            for content in chain([beginning], iter(lambda: file.read(1 << 20), b"")):
                decoder.decode(content)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return encoding


def can_read_parquet() -> bool:
    """Return whether what reads Parquet is installed."""
    return find_spec("pyarrow") is not None


def _rows_of_parquet(path: Path, name: str) -> Iterator[list[str]]:
    """Yield the rows of a Parquet file; of columns that hold bytes or lists, only the names."""
    if not can_read_parquet():
        raise UserError(
            f"{name} is read by pyarrow, which isn't installed; type `pip install pyarrow`, or "
            "save the table as CSV"
        )
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        plain = [
            field.name
            for field in file.schema_arrow
            if not (pa.types.is_nested(field.type) or pa.types.is_large_binary(field.type))
            and not pa.types.is_binary(field.type)
        ]
        yield plain
        for batch in file.iter_batches(batch_size=10_000, columns=plain):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield ["" if cell is None else str(cell) for cell in row]
    except pa.ArrowException as error:
        raise UserError(
            f"{name} can't be read as Parquet ({str(error).splitlines()[0]}); get it anew, or save "
            "the table as CSV"
        ) from None
