"""Find the class and the split of each file of a tree, from the names and from tables alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from vision.runtime.errors import UserError
from vision.runtime.text import folder_name, shown, some
from vision.sources import by_folders, class_names, tables
from vision.sources.cells import can_read_parquet
from vision.sources.class_folders import EXPECTED
from vision.sources.file_names import PICTURES, check_usable, is_picture, is_visible, listed
from vision.sources.given import SPLITS, Given, Told, merged, settled
from vision.sources.rules import Rules
from vision.sources.unique_names import places

DEFAULT = Rules()


class Layout(NamedTuple):
    """Where pictures go, and what was done to that end.

    Attributes
    ----------
    places : name to (folder of the class, file).
    renamed : the names of those among them whose file is called anew, with that name.
    doubled : the names of those that an archive holds more than once.
    left_out : the names of other files.
    given : what is known of the pictures beside their classes, by their names.
    unlabelled : the names of pictures for the test that nobody has labelled.
    tables : the names of the tables of labels that were read.
    said : what was found beside the pictures, and what was done about it, in lines.
    """

    places: dict[str, tuple[str, str]]
    renamed: dict[str, str]
    doubled: set[str]
    left_out: list[str]
    given: dict[str, Given]
    unlabelled: list[str]
    tables: list[str]
    said: list[str]


def arrange(
    names: Iterable[str], rules: Rules = DEFAULT, files: Mapping[str, Path] | None = None
) -> Layout:
    """Find the class of every picture; folders above the class folders are seen through.

    A name has `/` between its parts and, for a folder, at its end. A part that ends as an
    archive does is where the archive was opened, and counts only as `below_archives` says.

    Where all pictures lie in one folder, or in folders that tell splits and nothing else, and have
    names such as `cat.0.jpg` for several classes, the part before the first dot is the class.
    Otherwise it is a folder that the picture lies in, whatever the names are; or a table tells it.

    Parameters
    ----------
    files : copies of the tables among the files, by their names there.

    Raises
    ------
    UserError
        The classes cannot be told, a class is empty, there is one class only, or names are at
        odds, as `vision.sources.class_names` says; or as `vision.sources.tables` says.
    """
    names = sorted(names)
    by_path: dict[str, list[str]] = defaultdict(list)
    doubled: set[str] = set()
    left_out: list[str] = []
    for name in names:
        if name.endswith("/"):
            continue
        if not (is_picture(name) and is_visible(name)):
            left_out.append(name)
        elif (found := by_path[name.rpartition("/")[0]])[-1:] == [name]:
            doubled.add(name)
        else:
            found.append(name)
    if not by_path:
        lie = f"; what lies there: {listed(left_out)}" if left_out else ""
        raise UserError(f"there are no pictures ({', '.join(sorted(PICTURES))}){lie}; {EXPECTED}")
    check_usable([name for found in by_path.values() for name in found])
    told = _tell(by_path, names, rules, files or {})
    given = merged(told.given) if rules.splits == "merge" else settled(told.given)
    labelled = {
        path: [name for name in found if name in told.label] for path, found in by_path.items()
    }
    return Layout(
        *places(labelled, lambda name: folder_name(told.label[name])),
        doubled,
        [name for name in left_out if name not in told.tables],
        given,
        told.unlabelled,
        told.tables,
        told.said + _said_of_splits(told.given, given),
    )


def _said_of_splits(found: Mapping[str, Given], given: Mapping[str, Given]) -> list[str]:
    """Tell which splits were found, and whether they are kept."""
    counts = Counter(each.split for each in given.values() if each.split)
    if counts:
        told = ", ".join(f"{split} {counts[split]:,}" for split in SPLITS if counts[split])
        rest = len(given) - counts.total()
        none = f", and {rest:,} in none" if rest else ""
        return [
            f"others have split these pictures: {told}{none}; that stays so, unless "
            "download.splits is merge"
        ]
    if len({each.split for each in found.values()}) > 1:
        return ["the splits of others are put together, since download.splits is merge"]
    return []


def _tell(
    by_path: Mapping[str, list[str]], names: list[str], rules: Rules, files: Mapping[str, Path]
) -> Told:
    """Return what is known of pictures, and say which tables can't be read."""
    known, unread = tables.find(files, rules)
    passed_over = [f"passed over: {some([*unread.values()])}"] if unread else []
    others = {name: path for name, path in files.items() if name not in unread}
    try:
        told = _by_folders_or_tables(by_path, names, rules, known, others)
    except UserError as error:
        raise UserError("; ".join([str(error), *passed_over])) from None
    return told._replace(said=told.said + passed_over)


def _by_folders_or_tables(
    by_path: Mapping[str, list[str]],
    names: list[str],
    rules: Rules,
    known: list[tables.Table],
    others: Mapping[str, Path],
) -> Told:
    """Return what folders tell, or tables do, or both.

    Parameters
    ----------
    known : tables of labels.
    others : if there are none, what may be such.
    """
    try:
        folders = by_folders.tell(by_path, names, rules)
    except UserError as why_not:
        if not known:
            why = _unread_parquet(names) or tables.unknown(others)
            raise UserError(f"{why_not}{why}") from None
        return _without_folders(by_path, known, rules, why_not)
    return _beside_folders(folders, by_path, known, rules) if known else folders


def _without_folders(
    by_path: Mapping[str, list[str]], known: list[tables.Table], rules: Rules, why_not: UserError
) -> Told:
    """Return what tables tell, where folders don't tell the classes."""
    read = tables.read(known, _all(by_path), by_folders.split_below(by_path))
    if not read.told.label:
        raise UserError(f"{why_not}; nor do tables tell it: {read.unusable()}")
    return _told_by_tables(read, rules, f"; nor do folders tell the classes: {why_not}")


def _beside_folders(
    folders: Told, by_path: Mapping[str, list[str]], known: list[tables.Table], rules: Rules
) -> Told:
    """Return what folders of classes tell, or tables do, or both."""
    read = tables.read(known, _all(by_path), folders.split_of)
    labels = read.told.label
    if not labels:
        return _without_tables(folders, read.where_folders_tell(), rules)
    agree = all(folders.label.get(name, label) == label for name, label in labels.items())
    if rules.names_labels:
        if not agree:  # then these are no folders of classes, and may tell splits
            read = tables.read(known, _all(by_path), by_folders.split_below(by_path))
        return _told_by_tables(read, rules)
    if agree:
        return _told_by_both(folders, read.where_folders_tell(), rules)
    _refuse_both(folders, read.told)


def _without_tables(folders: Told, read: tables.Labels, rules: Rules) -> Told:
    """Return what folders tell, where tables tell the class of no picture.

    Raises
    ------
    UserError
        It is named what tells the classes.
    """
    why = f" ({unusable})" if (unusable := read.unusable()) else ""
    none = f"{some(read.told.tables)} tells the class of none of the pictures{why}"
    if rules.names_labels:
        raise UserError(
            f"{none}, while params.yaml (download) has it looked up there; mend the table, or "
            "name the column of the pictures' files by download.columns.file; if folders tell the "
            f"classes, {class_names.say('download.table=none')}"
        )
    return folders._replace(said=[*folders.said, f"{none}, so that folders tell it"])


def _all(by_path: Mapping[str, list[str]]) -> set[str]:
    return {name for found in by_path.values() for name in found}


def _unread_parquet(names: list[str]) -> str:
    """Tell that a table may be there that can't be read; nothing where there is none."""
    found = [name for name in names if name.lower().endswith(".parquet")]
    if not found or can_read_parquet():
        return ""
    return f"; {some(found)} may tell it, if you `pip install pyarrow`, which reads it"


def _told_by_tables(read: tables.Labels, rules: Rules, otherwise: str = "") -> Told:
    read.check(rules.bad_rows, otherwise)
    told = read.told
    classes = set(told.label.values())
    if len(classes) < 2:
        raise UserError(
            f"all pictures with {told.said[0]} are of one class, {', '.join(map(shown, classes))}; "
            "name another column by download.columns.label"
        )
    class_names.check_names(classes, not rules.check_names)
    said = told.said + read.left_out()
    if mapped := sorted(label for label in classes if folder_name(label) != label):
        said.append(
            "no folder can be called as these classes are: "
            + some([f"{shown(label)}, in {folder_name(label)}" for label in mapped])
        )
    return told._replace(said=said)


def _told_by_both(told: Told, read: tables.Labels, rules: Rules) -> Told:
    """Return what folders tell, and what a table of the same classes adds to it."""
    by_folders = class_names.say("download.table=none")
    read.check(rules.bad_rows, f"; or, since folders tell the classes, {by_folders}")
    label, given, _, names, said = read.told
    of_both = {
        name: each._replace(folder=told.given[name].folder) if name in told.given else each
        for name, each in given.items()
    }
    return Told(
        told.label | label,
        told.given | of_both,
        [name for name in told.unlabelled if name not in label],
        names,
        said + read.left_out(),
    )


def _refuse_both(told: Told, read: Told) -> NoReturn:
    """Raise a UserError, since folders and tables tell different classes of the same pictures."""
    labels = read.label
    odd = min(name for name in labels if told.label.get(name, labels[name]) != labels[name])
    by_folders, by_tables = (some(sorted(set(each.label.values()))) for each in (told, read))
    raise UserError(
        f"classes may be told by folders ({by_folders}) or by {some(read.tables)} ({by_tables}), "
        f"which say different things of {shown(odd)}; if by the table, name its column: "
        f"{class_names.say('download.columns.label=NAME')}; if by the folders, "
        f"{class_names.say('download.table=none')}"
    )
