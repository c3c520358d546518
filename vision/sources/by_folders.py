"""Tell the classes of pictures, and their splits, by the names of folders and files."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache

from vision.runtime.errors import UserError
from vision.runtime.text import shown, some
from vision.sources import class_names
from vision.sources.class_folders import (
    EXPECTED,
    Folder,
    around,
    below_archives,
    class_folders,
    first_folders,
    is_generic,
    only_tells_split,
    split_of,
    without_archives,
)
from vision.sources.file_names import folders_of, is_archive, is_visible, listed, stem
from vision.sources.given import Given, Told
from vision.sources.rules import Rules

# Folders of a test that nobody has labelled; some programs want one there.
_NO_CLASS = {"all", "unclassified", "unknown", "unlabeled", "unlabelled"}
NUMBERED = re.compile(r"([^.]+)\.\d+\.[^.]+")


def split_below(by_path: Collection[str]) -> Callable[[str], str]:
    """Return what gives the split of a picture, by its name, where folders don't tell its class.

    A folder that all pictures lie in tells none. Archives count as folders.

    Parameters
    ----------
    by_path : the folders with pictures.
    """
    common = len(_common(folders_of(f"{path}/") for path in by_path))

    @cache
    def of_path(path: str) -> str:
        return split_of(folders_of(f"{path}/")[common:])

    return lambda name: of_path(name.rpartition("/")[0])


def _common(folders: Iterable[Sequence[str]]) -> Sequence[str]:
    """Return the folders that all others lie in."""
    return posixpath.commonprefix(list(folders))


def tell(by_path: Mapping[str, list[str]], names: list[str], rules: Rules) -> Told:
    """Return the classes and splits of pictures.

    Parameters
    ----------
    by_path : the names of the pictures in each folder.
    names : of all files.

    Raises
    ------
    UserError
        The classes cannot be told, a class is empty, there is one class only, or names are at
        odds, as `vision.sources.class_names` says.
    """
    folder_of, packed = below_archives(by_path)
    files: dict[Folder, list[str]] = defaultdict(list)
    for path, found in by_path.items():
        files[folder_of[path]] += found
    classes = None if rules.class_folder == "first" else _told_by_names(files)
    label_of = {} if classes else _told_by_folders(files, names, packed, rules)
    classes = classes or {folder: {label[-1]} for folder, label in _labelled(label_of).items()}
    where = {folder: label_of[folder][:-1] if label_of else folder for folder in classes}
    class_names.check_names(set().union(*classes.values()), not rules.check_names)
    sets: dict[str, set[str]] = defaultdict(set)
    for folder, labels in classes.items():
        sets["/".join(where[folder]) or "the folder itself"] |= labels
    class_names.check_splits(sets)
    told = Told({}, {}, [], [], [])
    for path, found in by_path.items():
        folder = folder_of[path]
        if folder not in where:
            told.unlabelled.extend(found)
            continue
        above, below = around(path, len(where[folder]) if label_of else None, packed)
        between = "/".join(
            name for name in below if not (is_generic(name) or only_tells_split(name))
        )
        given = Given(split_of(above, below), between, between)
        for name in found:
            file = name.rpartition("/")[2]
            told.label[name] = label_of[folder][-1] if label_of else file.partition(".")[0]
            told.given[name] = given
    return told


def _labelled(label_of: Mapping[Folder, Folder]) -> dict[Folder, Folder]:
    """Return the same without folders of a test such as `test/unknown`."""
    common = len(_common(label[:-1] for label in label_of.values()))
    known = {label[-1] for label in label_of.values() if split_of(label[common:-1]) != "test"}
    return {
        folder: label
        for folder, label in label_of.items()
        if label[-1] in known or label[-1].lower() not in _NO_CLASS
    }


def _told_by_folders(
    files: Mapping[Folder, list[str]], names: list[str], packed: bool, rules: Rules
) -> dict[Folder, Folder]:
    """Return the folder that names the class of each folder, all of which were checked."""
    if rules.class_folder == "first":
        label_of = first_folders(files)
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
    return label_of


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
