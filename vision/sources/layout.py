"""Find the class of each file of a tree from the names alone."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from vision.runtime.errors import UserError
from vision.runtime.text import shown, some
from vision.sources import class_names
from vision.sources.class_folders import (
    EXPECTED,
    Folder,
    below_archives,
    class_folders,
    only_tells_split,
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
from vision.sources.unique_names import places

NUMBERED = re.compile(r"([^.]+)\.\d+\.[^.]+")


class Layout(NamedTuple):
    """Where pictures go, and what was done to that end.

    Attributes
    ----------
    places : name to (class, file).
    renamed : the names of those among them whose file is called anew, with that name.
    doubled : the names of those that an archive holds more than once.
    left_out : the names of other files.
    """

    places: dict[str, tuple[str, str]]
    renamed: dict[str, str]
    doubled: set[str]
    left_out: list[str]


def arrange(names: Iterable[str], check_names: bool = True) -> Layout:
    """Find the class of every picture; folders above the class folders are seen through.

    A name has `/` between its parts and, for a folder, at its end. A part that ends as an
    archive does is where the archive was opened, and counts only as `below_archives` says.

    Where all pictures lie in one folder, or in folders that tell splits and nothing else, and have
    names such as `cat.0.jpg` for several classes, the part before the first dot is the class.
    Otherwise it is a folder that the picture lies in, whatever the names are.

    Parameters
    ----------
    check_names : refuse classes whose names are alike, files named after another class, and
        folders of classes whose files are named as if they held several.

    Raises
    ------
    UserError
        The classes cannot be told, a class is empty, there is one class only, or names are at
        odds, as `vision.sources.class_names` says.
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
    folder_of, packed = below_archives(by_path)
    files: dict[Folder, list[str]] = defaultdict(list)
    for path, found in by_path.items():
        files[folder_of[path]] += found
    told = _told_by_names(files)
    if told:
        splits, where = told, {folder: folder for folder in files}
    else:
        examples = {folder: found[0] for folder, found in files.items()}
        label_of = class_folders(examples, meant=not check_names)
        _check_none_empty(label_of, names, packed)
        _check_several(label_of, files)
        if check_names:
            classes: dict[str, list[str]] = defaultdict(list)
            for folder, label in label_of.items():
                classes[label[-1]] += files[folder]
            class_names.check_files(classes)
            _check_folders_tell(classes, packed)
        splits = {folder: {label[-1]} for folder, label in label_of.items()}
        where = {folder: label[:-1] for folder, label in label_of.items()}
    class_names.check_names(set().union(*splits.values()), not check_names)
    sets: dict[str, set[str]] = defaultdict(set)
    for folder, labels in splits.items():
        sets["/".join(where[folder]) or "the folder itself"] |= labels
    class_names.check_splits(sets)

    def class_of(name: str) -> str:
        path, _, file = name.rpartition("/")
        return file.partition(".")[0] if told else label_of[folder_of[path]][-1]

    return Layout(*places(by_path, class_of), doubled, left_out)


def _told_by_names(files: Mapping[Folder, list[str]]) -> dict[Folder, set[str]] | None:
    """Return the classes that names tell in each folder; None where folders tell them."""
    if len({tuple(part for part in path if not only_tells_split(part)) for path in files}) > 1:
        return None
    told = {folder: _labels(found) for folder, found in files.items()}
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


def _check_none_empty(label_of: Mapping[Folder, Folder], names: list[str], packed: bool) -> None:
    """Refuse folders without pictures beside those of classes, or archives where they are these."""
    labels = set(label_of.values())
    parents = {label[:-1] for label in labels}
    on_the_way = {folder[:depth] for folder in label_of for depth in range(1, len(folder) + 1)}
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
        names = [name for found in files.values() for name in found]
        # Of names of which most tell a class, the odd one out is the one to show.
        odd = next((name for name in names if not _labels([name])), names[0])
        raise UserError(
            f"all pictures ({len(names):,}, such as {odd}) are of one class; {EXPECTED}"
        )
