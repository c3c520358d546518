"""Find the class of each file of a tree from the names alone."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from vision.runtime.errors import UserError
from vision.runtime.text import shown, some
from vision.sources import class_names, tables
from vision.sources.class_folders import (
    EXPECTED,
    Folder,
    around,
    below_archives,
    class_folders,
    is_generic,
    only_tells_split,
    split_of,
    without_archives,
)
from vision.sources.file_names import (
    PICTURES,
    check_usable,
    is_archive,
    is_picture,
    is_visible,
    listed,
    stem,
)
from vision.sources.given import SPLITS, Given, settled
from vision.sources.rules import Rules
from vision.sources.unique_names import places

DEFAULT = Rules()
NUMBERED = re.compile(r"([^.]+)\.\d+\.[^.]+")


class Layout(NamedTuple):
    """Where pictures go, and what was done to that end.

    Attributes
    ----------
    places : name to (class, file).
    renamed : the names of those among them whose file is called anew, with that name.
    doubled : the names of those that an archive holds more than once.
    left_out : the names of other files.
    given : what is known of the pictures beside their classes, by their names.
    unlabelled : the names of pictures for the test that nobody has labelled.
    tables : the names of the tables of labels that were read.
    said : what was found there, in lines.
    """

    places: dict[str, tuple[str, str]]
    renamed: dict[str, str]
    doubled: set[str]
    left_out: list[str]
    given: dict[str, Given]
    unlabelled: list[str]
    tables: list[str]
    said: list[str]


class _Told(NamedTuple):
    """What folders and names, or tables, tell: the same attributes as those of a layout."""

    label: dict[str, str]
    given: dict[str, Given]
    unlabelled: list[str]
    tables: list[str]
    said: list[str]


def arrange(
    names: Iterable[str], rules: Rules = DEFAULT, tables: Mapping[str, Path] | None = None
) -> Layout:
    """Find the class of every picture; folders above the class folders are seen through.

    A name has `/` between its parts and, for a folder, at its end. A part that ends as an
    archive does is where the archive was opened, and counts only as `below_archives` says.

    Where all pictures lie in one folder, or in folders that tell splits and nothing else, and have
    names such as `cat.0.jpg` for several classes, the part before the first dot is the class.
    Otherwise it is a folder that the picture lies in, whatever the names are; or a table tells it.

    Parameters
    ----------
    tables : copies of the tables among the files, by their names there.

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
    told = _told(by_path, names, rules, tables or {})
    labelled = {
        path: own
        for path, found in by_path.items()
        if (own := [name for name in found if name in told.label])
    }
    given = settled(told.given)
    if rules.splits == "merge":
        given = {name: each._replace(split="") for name, each in given.items()}
    own = [name for name in left_out if name not in told.tables]
    places_of = places(labelled, told.label.__getitem__)
    said = told.said + _said_of_splits(told.given, given)
    return Layout(*places_of, doubled, own, given, told.unlabelled, told.tables, said)


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


def _told(
    by_path: Mapping[str, list[str]], names: list[str], rules: Rules, files: Mapping[str, Path]
) -> _Told:
    """Return what folders tell, or tables do."""
    pictures = {name for found in by_path.values() for name in found}
    read = tables.read(files, pictures, rules)
    try:
        told = _told_by_folders(by_path, names, rules)
    except UserError as error:
        if read is None:
            raise UserError(f"{error}{_unread_parquet(names)}") from None
        if not read.label:
            raise UserError(f"{error}; nor do tables tell it: {read.unusable}") from None
        return _told_by_tables(read, rules)
    named = rules.label_column or rules.table not in ("auto", "none")
    if read is None or not (read.label or named):
        return told
    if named:
        return _told_by_tables(read, rules)
    if all(told.label.get(name, label) == label for name, label in read.label.items()):
        # The table has more to tell of the same.
        given = {
            name: each._replace(folder=told.given[name].folder) if name in told.given else each
            for name, each in read.given.items()
        }
        unlabelled = [name for name in told.unlabelled if name not in read.label]
        said = [read.said, *([read.unusable] if read.unusable else [])]
        label = told.label | read.label
        return _Told(label, told.given | given, unlabelled, read.tables, told.said + said)
    labels, folders = set(read.label.values()), set(told.label.values())
    names_of = some([shown(name) for name in read.tables])
    if labels & folders:
        raise UserError(
            f"classes may be told by folders ({some(sorted(folders))}) or by {names_of} "
            f"({some(sorted(labels))}), which say different things of "
            f"{_first_at_odds(told, read)}; if by the table, say "
            "`dvc exp run -S download.label_column=NAME`, with its column; if by the folders, say "
            "`dvc exp run -S download.table=none`"
        )
    if 2 * len(read.label) < len(told.label):
        return told
    found = _told_by_tables(read, rules)
    found.said.append(
        f"folders ({some(sorted(folders))}) aren't classes here; if they are, and not the table's, "
        "say `dvc exp run -S download.table=none`"
    )
    return found


def _first_at_odds(told: _Told, read: tables.Labels) -> str:
    return shown(
        min(name for name, label in read.label.items() if told.label.get(name, label) != label)
    )


def _unread_parquet(names: list[str]) -> str:
    """Tell that a table may be there that can't be read; nothing where there is none."""
    found = [name for name in names if name.lower().endswith(".parquet")]
    if not found or tables.can_read_parquet():
        return ""
    return f"; {some(found)} may tell it, if you `pip install pyarrow`, which reads it"


def _told_by_tables(read: tables.Labels, rules: Rules) -> _Told:
    read.check(rules.bad_rows)
    labels = set(read.label.values())
    if len(labels) < 2:
        raise UserError(
            f"all pictures with {read.said} are of one class, {', '.join(map(shown, labels))}; "
            "name another column by download.label_column"
        )
    class_names.check_names(labels, not rules.check_names)
    said = [read.said, *([f"left out: {read.unusable}"] if read.unusable else [])]
    if mapped := sorted(label for label in labels if unquote(label) != label):
        said.append(
            "no folder can be called as these classes are, which are written otherwise: "
            + some([f"{unquote(label)!r} as {label}" for label in mapped])
        )
    return _Told(read.label, read.given, read.unlabelled, read.tables, said)


def _told_by_folders(by_path: Mapping[str, list[str]], names: list[str], rules: Rules) -> _Told:
    folder_of, packed = below_archives(by_path)
    files: dict[Folder, list[str]] = defaultdict(list)
    for path, found in by_path.items():
        files[folder_of[path]] += found
    label_of: dict[Folder, Folder] | None = None
    splits = _told_by_names(files)
    if splits:
        where = {folder: folder for folder in splits}
    else:
        examples = {folder: found[0] for folder, found in files.items()}
        label_of = class_folders(examples, meant=not rules.check_names)
        _check_none_empty(label_of, files, names, packed)
        _check_several(label_of, files)
        if rules.check_names:
            classes: dict[str, list[str]] = defaultdict(list)
            for folder, label in label_of.items():
                classes[label[-1]] += files[folder]
            class_names.check_files(classes)
            _check_folders_tell(classes, packed)
        splits = {folder: {label[-1]} for folder, label in label_of.items()}
        where = {folder: label[:-1] for folder, label in label_of.items()}
    class_names.check_names(set().union(*splits.values()), not rules.check_names)
    sets: dict[str, set[str]] = defaultdict(set)
    for folder, labels in splits.items():
        sets["/".join(where[folder]) or "the folder itself"] |= labels
    class_names.check_splits(sets)
    labels: dict[str, str] = {}
    given: dict[str, Given] = {}
    unlabelled: list[str] = []
    for path, found in by_path.items():
        folder = folder_of[path]
        if folder not in where:
            unlabelled += found
            continue
        above, below = around(path, None if label_of is None else len(where[folder]), packed)
        between = "/".join(
            name for name in below if not (is_generic(name) or only_tells_split(name))
        )
        what = Given(split_of(above, below), between, between)
        for name in found:
            file = name.rpartition("/")[2]
            labels[name] = file.partition(".")[0] if label_of is None else label_of[folder][-1]
            given[name] = what
    return _Told(labels, given, unlabelled, [], [])


def _told_by_names(files: Mapping[Folder, list[str]]) -> dict[Folder, set[str]] | None:
    """Return the classes that names tell in each folder; None where folders tell them.

    Missing are folders such as `test1` in which they don't, while in others they do.
    """
    told = {folder: _labels(found) for folder, found in files.items()}
    told = {path: found for path, found in told.items() if found or split_of(path) != "test"}
    if len({tuple(part for part in path if not only_tells_split(part)) for path in told}) > 1:
        return None
    return told if all(told.values()) and len(set().union(*told.values())) > 1 else None


def _labels(names: list[str]) -> set[str]:
    """Return the classes that the names of pictures tell; none unless every one does."""
    found = set()
    for name in names:
        match = NUMBERED.fullmatch(name, name.rfind("/") + 1)
        if match is None:
            return set()
        found.add(match[1])
    return found


def _check_folders_tell(classes: Mapping[str, list[str]], packed: bool) -> None:
    """Refuse classes that may as well be pools of several: pets/cat.0.jpg and pets/dog.0.jpg.

    What has a digit in it, as P001.001.png has, is the name of no class. An archive may hold a part
    of a set, so that its name is to be the one that its pictures tell.
    """
    told = {label: _labels(names) for label, names in classes.items()}
    words = {label: found for label, found in told.items() if not re.search(r"\d", "".join(found))}
    if len(set().union(*words.values())) < 2:
        return
    for label, found in words.items():
        if len(found) > 1 or (packed and found and not class_names.are_one(label, *found)):
            by = "archive" if packed else "folder"
            raise UserError(
                f"the class of {classes[label][0]} may be told by its {by} or by its name; if by "
                "the name, put all pictures into one folder, or into train and test; if by the "
                f"{by}, {class_names.ALLOW}"
            )


def _check_none_empty(
    label_of: Mapping[Folder, Folder], files: Collection[Folder], names: list[str], packed: bool
) -> None:
    """Refuse folders without pictures beside those of classes, or archives where they are these."""
    labels = set(label_of.values())
    parents = {label[:-1] for label in labels}
    on_the_way = {folder[:depth] for folder in files for depth in range(1, len(folder) + 1)}
    held: dict[Folder, list[str]] = defaultdict(list)
    for name in names:
        if not is_visible(name):
            continue
        top, slash, _ = name.partition("/")
        if packed and slash and is_archive(top):
            folder = (stem(top),)
        else:
            folder = without_archives(name.rpartition("/")[0])
        for depth in range(1, len(folder) + 1):
            path = folder[:depth]
            if path[:-1] in parents and path not in on_the_way:
                held[path] += [] if name.endswith("/") else [name]
    if held:
        told = []
        for folder, found in sorted(held.items()):
            told.append(shown("/".join(folder)) + (f" ({listed(found)})" if found else ""))
        folders = f"the folder {told[0]} holds" if len(told) == 1 else f"{some(told, 5)} hold"
        raise UserError(
            f"{folders} no pictures beside folders that do; fill, or remove, what is empty"
        )


def _check_several(label_of: Mapping[Folder, Folder], files: Mapping[Folder, list[str]]) -> None:
    if len({label[-1:] for label in label_of.values()}) == 1:
        names = [name for folder in label_of for name in files[folder]]
        # Of names of which most tell a class, the odd one out is the one to show.
        odd = next((name for name in names if not _labels([name])), names[0])
        raise UserError(
            f"all pictures ({len(names):,}, such as {odd}) are of one class; {EXPECTED}"
        )
