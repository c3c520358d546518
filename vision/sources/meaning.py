"""Whether classes mean what their names say: names that are alike, or at odds with one another."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

from vision.errors import UserError

# The name of a picture that tells a class and a number: cat.0.jpg, cat_12.png, cat (3).jpg.
_TELLS = re.compile(r"(.*?)[\s._-]*\(?\d+\)?\.[^.]+")


def check_names(labels: Iterable[str]) -> None:
    """Refuse classes that are most likely one.

    Raises
    ------
    UserError
        Two names differ in case, or in singular and plural, only.
    """
    for one, other in combinations(sorted(set(labels)), 2):
        if one.casefold() == other.casefold():
            how = "case"
        elif _singulars(one) & _singulars(other):
            how = "singular and plural"
        else:
            continue
        raise UserError(
            f"the classes {one} and {other} differ in {how} only; put them into one, or rename one"
        )


def _singulars(label: str) -> set[str]:
    """Give what a name may be the plural of, itself included; very short ones are no words."""
    word = label.casefold()
    found = {word}
    for ending, instead in (("s", ""), ("es", ""), ("ies", "y")):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            found.add(stem + instead)
    return found


def check_files(folders: Mapping[str, Iterable[str]]) -> None:
    """Refuse a folder of one class with files named after another.

    Parameters
    ----------
    folders : the names of the files in the folder of each class.

    Raises
    ------
    UserError
        A file in `cat` is called dog.5.jpg, say, where there's a class `dog`, or `dogs`.
    """
    # Numbers are no words: in a folder 5, the name 3_17.png may tell who wrote a digit.
    words = {label for label in folders if any(letter.isalpha() for letter in label)}
    class_of = {singular: label for label in sorted(words) for singular in _singulars(label)}
    for label, names in folders.items():
        strangers = defaultdict(list)
        for name in sorted(names):
            told = _TELLS.fullmatch(name)
            other = class_of.get(told[1].casefold()) if told else None
            if other and not _singulars(label) & _singulars(told[1]):
                strangers[other].append(name)
        for other, files in strangers.items():
            raise UserError(
                f"the folder {label} holds {len(files):,} files named after the class {other}, "
                f"such as {files[0]}; move them to {other}, or rename them if they show {label}"
            )


def check_splits(splits: Mapping[str, Iterable[str]]) -> None:
    """Refuse folders such as train and test that hold different classes.

    Parameters
    ----------
    splits : the classes in each such folder.

    Raises
    ------
    UserError
        A class is in some of the folders only.
    """
    sets = {split: set(labels) for split, labels in splits.items()}
    for split, labels in sets.items():
        for other, others in sets.items():
            if missing := sorted(labels - others):
                raise UserError(
                    f"{split} holds the classes {', '.join(sorted(labels))}, while {other} lacks "
                    f"{', '.join(missing)}; give both the same classes"
                )
