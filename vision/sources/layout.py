"""Which class each file of a tree belongs to, told from the names alone."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from vision.errors import UserError
from vision.sources import meaning
from vision.sources.archives import is_archive

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".heic", ".heif"})
# Folders with these names may each hold the same class folders, which are then put together:
# this pipeline splits for itself.
SPLITS = frozenset({"train", "training", "validation", "valid", "val", "test", "testing"})
NUMBERED = re.compile(r"([^.]+)\.\d+\.[^.]+")
EXPECTED = "expected one folder per class, side by side, or names such as cat.0.jpg and dog.0.jpg"

Folder = tuple[str, ...]


class Layout(NamedTuple):
    """Where pictures go: name to (class, file); and how many other files there are."""

    places: dict[str, tuple[str, str]]
    ignored: int


def arrange(names: Iterable[str]) -> Layout:
    """Find the class of every picture; folders above the class folders are seen through.

    A name has `/` between its parts and, for a folder, at its end. A part that ends as an
    archive does is where the archive was opened, and counts for nothing.

    Where every folder of pictures holds names such as `cat.0.jpg` for several classes, the part
    before the first dot is the class. Otherwise it is the folder that the picture lies in.

    Raises
    ------
    UserError
        The classes cannot be told, a class is empty, there is one class only, two pictures
        would end in the same place, or names are at odds, as `vision.sources.meaning` says.
    """
    files: dict[Folder, list[str]] = defaultdict(list)
    folders: set[Folder] = set()
    ignored = 0
    for name in sorted(names):
        visible = not any(p.startswith(".") or p == "__MACOSX" for p in name.split("/"))
        folder = _folder(name)
        if visible:
            folders.update(folder[:depth] for depth in range(1, len(folder) + 1))
        if name.endswith("/"):
            continue
        if visible and PurePosixPath(name).suffix.lower() in PICTURES:
            files[folder].append(name)
        else:
            ignored += 1
    if not files:
        raise UserError(f"there are no pictures ({', '.join(sorted(PICTURES))}); {EXPECTED}")
    meaning.check_files(_by_label(files))
    by_name = [folder for folder in files if len(_labels(files[folder])) > 1]
    if len(by_name) < len(files):
        if by_name:
            other = next(folder for folder in files if folder not in by_name)
            raise UserError(
                f"{files[by_name[0]][0]} tells its class by its name and {files[other][0]} "
                "doesn't; keep one of these two folders"
            )
        _check_class_folders(files, folders)
    elif len(files) > 1 and not all(f and f[-1].lower() in SPLITS for f in files):
        first, second = (files[folder][0] for folder in by_name[:2])
        raise UserError(
            f"the classes of {first} and {second} may be told by their folders or by their names; "
            "rename the files, or put them into one folder"
        )
    labels = {
        folder: _labels(names) if by_name else {folder[-1]} for folder, names in files.items()
    }
    meaning.check_names(label for found in labels.values() for label in found)
    splits: dict[str, set[str]] = defaultdict(set)
    for folder, found in labels.items():
        splits["/".join(folder if by_name else folder[:-1])] |= found
    meaning.check_splits(splits)
    return Layout(_places(files, bool(by_name)), ignored)


def _folder(name: str) -> Folder:
    """The folders that a name goes through, without the archives."""
    return tuple(part for part in name.split("/")[:-1] if not is_archive(part))


def _by_label(files: dict[Folder, list[str]]) -> dict[str, list[str]]:
    """The names of the files in all folders of the same name, where that may be a class."""
    found: dict[str, list[str]] = defaultdict(list)
    for folder, names in files.items():
        if folder and folder[-1].lower() not in SPLITS:
            found[folder[-1]] += [PurePosixPath(name).name for name in names]
    return found


def _labels(names: list[str]) -> set[str]:
    """The classes that the names of a folder's pictures tell; none unless every one does."""
    matches = [NUMBERED.fullmatch(PurePosixPath(name).name) for name in names]
    return {match[1] for match in matches} if all(matches) else set()


def _check_class_folders(files: dict[Folder, list[str]], folders: set[Folder]) -> None:
    """Refuse folders of pictures of which it isn't plain that each one is a class."""
    parents = {folder[:-1] for folder in files}
    nested = len(parents) > 1 and not all(p and p[-1].lower() in SPLITS for p in parents)
    if len(files) > 1 and (nested or () in files):
        shallow, deep = (files[f][0] for f in (min(files, key=len), max(files, key=len)))
        raise UserError(f"{shallow} and {deep} don't lie in folders side by side; {EXPECTED}")
    empty = sorted(f for f in folders - files.keys() if f[:-1] in parents)
    if empty:
        raise UserError(
            f"the folder {'/'.join(empty[0])} holds no pictures beside folders that do; "
            "fill it or remove it"
        )
    if len({folder[-1:] for folder in files}) == 1:
        names = [name for folder in files.values() for name in folder]
        # Of names of which most tell a class, the odd one out is the one to show.
        odd = next((name for name in names if not _labels([name])), names[0])
        raise UserError(
            f"all pictures ({len(names):,}, such as {odd}) are of one class; {EXPECTED}"
        )


def _places(files: dict[Folder, list[str]], by_name: bool) -> dict[str, tuple[str, str]]:
    """The places, which must stay apart where the case of letters makes no difference too."""
    places: dict[str, tuple[str, str]] = {}
    taken: dict[tuple[str, str], str] = {}
    for folder, names in files.items():
        for name in names:
            file = PurePosixPath(name).name
            label = file.partition(".")[0] if by_name else folder[-1]
            other = taken.setdefault((label.casefold(), file.casefold()), name)
            if other != name or name in places:
                raise UserError(f"{other} and {name} would both be {label}/{file}; rename one")
            places[name] = label, file
    return places
