"""Find which of the folders that a picture lies in is its class.

A folder is the tuple of the names on the way to it. Where two of its levels could be the class,
nothing is guessed.
"""

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import NoReturn

from vision.runtime.errors import UserError
from vision.runtime.text import some
from vision.sources.class_names import ALLOW, say
from vision.sources.file_names import folded, is_archive, stem

Folder = tuple[str, ...]

EXPECTED = (
    "expected one folder per class, side by side, names such as cat.0.jpg and dog.0.jpg, or a "
    "table of labels"
)

# The split that a word tells. What `evaluation` is, the others decide (given.settled).
_SPLITS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation",
    "validate": "validation", "dev": "validation",
    "eval": "evaluation", "evaluation": "evaluation",
    "test": "test", "testing": "test", "holdout": "test", "pred": "test",
}  # fmt: skip
# What stands beside such a word where a folder's name tells a split and nothing else.
_AROUND = {
    "set", "sets", "data", "dataset", "datasets", "split", "splits", "image", "images",
    "img", "imgs", "pictures", "folder", "fold", "seg",
}  # fmt: skip
# Folders that say nothing of the class of what is in them.
_GENERIC = {
    "image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo",
    "photos", "jpg", "jpgs", "jpeg", "jpegs", "png", "pngs", "frames", "files", "data",
    "raw", "original", "originals", "orig", "samples", "crops", "jpegimages", "cropped",
}  # fmt: skip
_JOINED = re.compile(rf"({'|'.join(sorted(_SPLITS, key=len, reverse=True))})(set|sets|data)")
# Before a capital within a word, as in TrainSet.
_INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Classes may rightly be called so: a means of transport, and what isn't invalid.
_ALSO_CLASSES = {"train", "valid"}


def tells_split(name: str) -> bool:
    """Return whether a folder's name has a word such as train or test in it."""
    return not _SPLITS.keys().isdisjoint(_words(name))


@lru_cache(1000)  # of a table with a million rows
def split_told(name: str) -> str:
    """Return the split that a folder's name tells: train, validation, evaluation or test.

    Nothing where it tells none, or several, as `train_val` does.
    """
    told = {_SPLITS[word] for word in _words(name) if word in _SPLITS}
    return told.pop() if len(told) == 1 else ""


def split_of(above: Iterable[str], below: Iterable[str] = ()) -> str:
    """Return the split that the folders above and below that of a class tell; the last one counts.

    Names above may say more than the split; below, they may be what tells pictures apart.
    """
    telling = [name for name in above if tells_split(name)]
    telling += [name for name in below if only_tells_split(name)]
    return split_told(telling[-1]) if telling else ""


def is_generic(name: str) -> bool:
    """Return whether a folder's name says nothing of what is in it."""
    words = _words(name)
    return bool(words) and _GENERIC.issuperset(words)


def only_tells_split(name: str) -> bool:
    """Return whether a folder's name says which split it is, and no more."""
    return tells_split(name) and set(_words(name)) <= _SPLITS.keys() | _AROUND


def _words(name: str) -> list[str]:
    """Return the words of a name, in small letters; numbers are none."""
    found = []
    for part in re.findall(r"[^\W\d_]+", _INNER_CAPITAL.sub(" ", name)):
        word = part.lower()
        joined = _JOINED.fullmatch(word)
        found += joined.groups() if joined else [word]
    return found


def without_archives(path: str) -> Folder:
    """Return the parts of a path, of which archives don't count."""
    return tuple(part for part in path.split("/") if part and not is_archive(part))


def below_archives(folders: Iterable[str]) -> tuple[dict[str, Folder], bool]:
    """Return the parts of each folder without the archives, and whether those stand for classes.

    Archives with the pictures of one class each, named after them, do, as folders would: those that
    lie side by side and hold pictures at their root, or in one folder such as `images`.

    Parameters
    ----------
    folders : paths of folders with pictures, `/` between their parts.

    Raises
    ------
    UserError
        The archives may as well be parts of one set, numbered.
    """
    plain = {folder: without_archives(folder) for folder in folders}
    top_of = {folder: folder.partition("/")[0] for folder in plain}
    tops = set(top_of.values())
    if len(tops) == 1 or "" in tops:
        return plain, False
    tails = {top: [plain[f] for f in plain if top_of[f] == top] for top in tops}
    packed = {
        top
        for top, found in tails.items()
        if is_archive(top) and len(found) == 1 and all(map(is_generic, found[0]))
    }
    # One alone may as well hold more pictures of any class.
    if len(packed) < 2 or packed < set(filter(is_archive, tops)):
        return plain, False
    if all(only_tells_split(stem(top)) for top in packed):
        return plain, False
    _check_not_numbered(packed)
    named = {top: (stem(top),) for top in packed}
    return {folder: named.get(top_of[folder], parts) for folder, parts in plain.items()}, True


def _check_not_numbered(archives: Collection[str]) -> None:
    """Refuse archives whose names differ in numbers only: `part1.zip` and `part2.zip`."""
    seen: dict[str, str] = {}
    for archive in sorted(archives):
        words = re.sub(r"[\W\d_]+", " ", stem(archive)).strip().casefold()
        if words and (other := seen.setdefault(words, archive)) != archive:
            raise UserError(
                f"{other} and {archive} hold pictures without folders, and may be two classes or "
                "two parts of one set; name each archive after its class, put one folder per class "
                "into them, or, if names such as cat.0.jpg tell it, put all pictures into one"
            )


def around(path: str, above: int | None, packed: bool) -> tuple[list[str], list[str]]:
    """Return the folders above and below that of a class, with archives as folders.

    Parameters
    ----------
    path : of a folder with pictures.
    above : how many there are above it, without archives; None: no folder tells the class.
    packed : whether archives stand for classes, as `below_archives` says.
    """
    parts = [part for part in path.split("/") if part]
    names = [stem(part) if is_archive(part) else part for part in parts]
    if above is None:
        return names, []
    plain = [at for at, part in enumerate(parts) if not is_archive(part)]
    at = 0 if packed and is_archive(parts[0]) else plain[above]
    return names[:at], names[at + 1 :]


def class_folders(folders: Mapping[Folder, str], meant: bool = False) -> dict[Folder, Folder]:
    """Return the folder, itself or one that it lies in, that names the class of each folder.

    Folders such as `images` and `train` are seen through where all pictures lie in such ones and
    the folders above tell classes. Missing are folders such as `test` that hold no class, while
    the others do: nobody has labelled what is in them.

    Parameters
    ----------
    folders : those with pictures, each with the name of one of its pictures, to be shown.
    meant : a class may be called `test`, say.

    Raises
    ------
    UserError
        The class may be one of several folders, or none.
    """
    above = {folder: _that_says_something(folder) for folder in folders}
    found = {folder: folder for folder in folders}
    seen_through = all(above[folder] != folder for folder in folders)
    if seen_through and all(above.values()) and len({path[-1] for path in above.values()}) > 1:
        found = above
    if len(folders) > 1:
        if odd := _without_class(found, above, folders, meant):
            rest = {folder: name for folder, name in folders.items() if folder not in odd}
            if all(split_of(folder) == "test" for folder in odd) and rest:
                labelled = class_folders(rest, meant)
                if len({label[-1:] for label in labelled.values()}) > 1:
                    return labelled
            _refuse_without_class(odd, found, folders)
        _check_side_by_side(found, folders)
    return found


def first_folders(folders: Collection[Folder]) -> dict[Folder, Folder]:
    """Return the first folder that each lies in that may name a class, or is one itself.

    It is below those that all lie in, and those that tell splits and nothing else.

    Raises
    ------
    UserError
        Pictures lie in no such folder.
    """
    telling = {
        folder: [at for at, part in enumerate(folder) if not only_tells_split(part)]
        for folder in folders
    }
    names = {tuple(folder[at] for at in places) for folder, places in telling.items()}
    common = len(posixpath.commonprefix(list(names)))
    if loose := ["/".join(folder) for folder in folders if len(telling[folder]) == common]:
        raise UserError(
            f"pictures lie in {some([repr(name) for name in loose])}, where with "
            f"download.class_folder=first only folders of classes should be; {EXPECTED}"
        )
    return {folder: folder[: places[common] + 1] for folder, places in telling.items()}


def _that_says_something(folder: Folder) -> Folder:
    while folder and (is_generic(folder[-1]) or only_tells_split(folder[-1])):
        folder = folder[:-1]
    return folder


def _check_side_by_side(found: Mapping[Folder, Folder], folders: Mapping[Folder, str]) -> None:
    """Refuse classes that don't lie in one folder, or in those of splits."""
    groups: dict[Folder | None, list[Folder]] = {}
    for folder, label in sorted(found.items()):
        # Without the parts that tell a split, to see whether the folders are kin.
        kin = tuple(part for part in label[:-1] if not tells_split(part)) if label else None
        groups.setdefault(kin, []).append(folder)
    if len(groups) == 1:
        return
    one, other = ([group[0] for group in groups.values()][at] for at in (0, -1))
    if len({len(label) for label in found.values()}) == 1:
        above = " and ".join("/".join(found[folder][:-1]) for folder in (one, other))
        why = f"the class may be told by the last folder, or by what is above it ({above})"
    else:
        one, other = (by(sorted(found), key=lambda f: len(found[f])) for by in (min, max))
        why = "it isn't plain which folder tells the class"
    raise UserError(
        f"{folders[one]} and {folders[other]} don't lie in folders side by side, so that {why}; "
        "put all pictures of one class into one folder beside those of the other classes; or, if "
        f"the first folders are those, {say('download.class_folder=first')}; or, if these are "
        "parts of one set, call the folders of the parts train and test, or take one away"
    )


def _without_class(
    found: Mapping[Folder, Folder],
    above: Mapping[Folder, Folder],
    folders: Mapping[Folder, str],
    meant: bool,
) -> list[Folder]:
    """Return folders of pictures that are in one of a split and in none of a class: `test/images`.

    Such a folder says nothing below one that others, which say more, lie in, too; or none says
    more.
    """
    shared = {path[:depth] for path in above.values() for depth in range(len(path))}
    odd = [
        folder
        for folder in sorted(folders)
        if any(map(only_tells_split, folder[len(above[folder]) :]))
        and (above[folder] in shared or len(set(above.values())) == 1)
    ]
    beside = _beside_classes(odd, found, folders)
    meant_so = {path for path in beside if meant or folded(path[-1]) in _ALSO_CLASSES}
    return [folder for folder in odd if folder not in meant_so]


def _beside_classes(
    odd: list[Folder], found: Mapping[Folder, Folder], folders: Mapping[Folder, str]
) -> set[Folder]:
    """Return those that lie beside folders of classes, and so may be meant as one."""
    parents = {found[folder][:-1] for folder in folders.keys() - odd}
    return {folder for folder in odd if folder[:-1] in parents}


def _refuse_without_class(
    odd: list[Folder], found: Mapping[Folder, Folder], folders: Mapping[Folder, str]
) -> NoReturn:
    names = ["/".join(folder) for folder in odd]
    beside = _beside_classes(odd, found, folders)
    allow = f"; if a class is called so, {ALLOW}" if beside.issuperset(odd) else ""
    raise UserError(
        f"{folders[odd[0]]} lies in {names[0]}, which tells a split, and in no folder of a class; "
        f"put the pictures in {some(names)} into folders of their classes, or take them away{allow}"
    )
