"""Unique names for pictures that are merged from several folders."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from vision.runtime.text import fitting
from vision.sources.class_folders import tells_split
from vision.sources.file_names import folded, is_archive, stem


def places(
    files: Mapping[str, list[str]], class_of: Callable[[str], str]
) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return where pictures go, name to (class, file); and those whose file is called anew.

    The pictures of a folder of which one's name is taken are all put under that of their folder:
    `cat001.jpg` of `data/validation/cats` is `validation-cat001.jpg`. Names are held to be equal
    where the case of letters makes no difference, too, since on some systems it makes none: of
    `1.JPG` and `1.jpg` in one folder, the latter is `2-1.jpg`. Names that are too long for a disk
    are cut, and told apart by a checksum.

    Parameters
    ----------
    files : the names of the pictures in each folder.
    class_of : gives the class of a picture.
    """
    by_class: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for folder in sorted(files, key=_training_first):
        for name in files[folder]:
            by_class[class_of(name)][folder].append(name)
    found: dict[str, tuple[str, str]] = {}
    for label, folders in by_class.items():
        prefixes = _prefixes(list(folders))
        taken: set[str] = set()
        for folder, names in folders.items():
            own, number = _within(names, ""), 1
            while not taken.isdisjoint(new := set(map(folded, own))):
                before = "-".join(filter(None, (prefixes[folder], str(number) * (number > 1))))
                own = _within(names, f"{before or '2'}-")
                number += 1
            taken |= new
            found.update((name, (label, file)) for name, file in zip(names, own, strict=True))
    return found, {n: file for n, (_, file) in found.items() if file != n.rpartition("/")[2]}


def _within(names: Iterable[str], before: str) -> list[str]:
    """Return a name for each picture of one folder that no other has, with a prefix."""
    files = [fitting(before + name.rpartition("/")[2]) for name in names]
    taken = set(map(folded, files))
    if len(taken) == len(files):
        return files
    found, seen = [], set()
    for file in files:
        own, number = file, 1
        while folded(own) in (taken if number > 1 else seen):
            number += 1
            own = fitting(f"{number}-{file}")
        seen.add(folded(own))
        taken.add(folded(own))
        found.append(own)
    return found


def _training_first(folder: str) -> tuple[bool, str]:
    """Return a key that sorts folders of training pictures first, so that these keep names."""
    return not any(
        "train" in part.lower() and tells_split(part) for part in folder.split("/")
    ), folder


def _prefixes(folders: list[str]) -> dict[str, str]:
    """Return what tells each of the folders from the others, without what says it twice."""
    parts = {
        folder: [stem(p) if is_archive(p) else p for p in folder.split("/") if p]
        for folder in folders
    }
    common = set.intersection(*map(set, parts.values()))
    return {
        folder: "-".join(dict.fromkeys(part for part in found if part not in common))
        for folder, found in parts.items()
    }
