"""Refuse class names that are alike, or at odds with one another."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from vision.runtime.errors import UserError
from vision.runtime.text import LONGEST, composed, folder_name, shown, some
from vision.sources.file_names import folded

# The name of a picture that tells a class and a number: cat.0.jpg, cat_12.png, cat (3).jpg.
_TELLS = re.compile(r"(.*?)[\s._-]*\(?\d+\)?\.[^.]+")
# Spaces of any kind, hyphens and underscores; and characters that cannot be seen at all.
_BETWEEN_WORDS = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufe0f\ufeff]")


def say(setting: str) -> str:
    """Return how a parameter is set."""
    return f"say `dvc exp run -S {setting}`, or set that key in params.yaml"


ALLOW = say("download.check_names=false")
MEANT = f"if it is meant so, {ALLOW}"


def check_names(labels: Iterable[str], meant: bool = False) -> None:
    """Refuse classes that are most likely one, all of them at once.

    Parameters
    ----------
    meant : names that are only alike are told apart on purpose; those that some disks could not
        hold apart are refused all the same.

    Raises
    ------
    UserError
        Names differ in case, in what stands at their end or between their words, in how their
        characters are written, or in singular and plural, only.
    """
    labels = sorted(set(labels))
    told: list[str] = []
    known: set[frozenset[str]] = set()

    def tell(pairs: Iterable[tuple[str, str]], how: str) -> None:
        new = [pair for pair in pairs if frozenset(pair) not in known]
        known.update(map(frozenset, new))
        if new:
            named = some([f"{shown(one)} and {shown(other)}" for one, other in new], most=5)
            told.append(f"{named} differ in {how} only")

    tell(_alike(labels, lambda label: {folded(label)}), "case")
    tell(_alike(labels, lambda label: {_on_disk(label)}), "spaces or dots at their end")
    remedy = "put them into one, or rename one"
    if not meant:
        certain = len(told)
        tell(
            _alike(labels, lambda label: {_words(label)}),
            "spaces, hyphens, underscores or the like",
        )
        pairs = _alike(labels, _singulars)
        tell([(a, b) for a, b in pairs if _words(a) != _words(b)], "singular and plural")
        if len(told) > certain:
            remedy += f"; {MEANT}"
    if told:
        raise UserError(f"the classes {', and '.join(told)}; {remedy}")
    if long := [label for label in labels if len(folder_name(label).encode()) > LONGEST]:
        raise UserError(
            f"the names of classes {some(long)} are longer than the {LONGEST} bytes that a disk "
            "holds; give them shorter ones, in archives after unpacking these yourself"
        )


def _alike(labels: list[str], keys: Callable[[str], set[str]]) -> list[tuple[str, str]]:
    """Return pairs of names that have a key in common."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        for key in keys(label):
            groups[key].append(label)
    return sorted({pair for group in groups.values() for pair in pairwise(group)})


def _on_disk(label: str) -> str:
    """Return what is equal for folders that Windows or macOS cannot hold apart."""
    return folded(label).rstrip(" .") or label


def _words(label: str) -> str:
    """Return what is equal for names that differ in what one hardly sees."""
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", label)).strip()
    sign = "-" * plain.startswith(("-", "\u2212"))  # of a number, as in the classes -1 and 1
    return sign + composed(_BETWEEN_WORDS.sub(" ", plain).strip().casefold()) or label


def are_one(one: str, other: str) -> bool:
    """Return whether two names are of one class, in singular or plural."""
    return bool(_singulars(one) & _singulars(other))


def _singulars(label: str) -> set[str]:
    """Return what a name may be the plural of, itself included; very short ones are no words."""
    word = _words(label)
    found = {word}
    for ending, instead in (("s", ""), ("es", ""), ("ies", "y")):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            found.add(stem + instead)
    return found


def check_files(folders: Mapping[str, Iterable[str]]) -> None:
    """Refuse folders of one class with files named after another, all of them at once.

    Parameters
    ----------
    folders : the names of the files of each class, with any folders before them.

    Raises
    ------
    UserError
        A file in `cat` is called dog.5.jpg, say, where there's a class `dog`, or `dogs`.
    """
    # Numbers are no words: in a folder 5, the name 3_17.png may tell who wrote a digit.
    words = {label for label in folders if any(letter.isalpha() for letter in label)}
    class_of = {singular: label for label in sorted(words) for singular in _singulars(label)}
    told = []
    for label, names in folders.items():
        own, strangers = _singulars(label), defaultdict(list)
        for name in sorted(name.rpartition("/")[2] for name in names):
            match = _TELLS.fullmatch(name)
            other = class_of.get(_words(match[1])) if match else None
            if other and own.isdisjoint(_singulars(match[1])):
                strangers[other].append(name)
        for other, files in strangers.items():
            told.append(
                f"the folder {shown(label)} holds {len(files):,} files named after the class "
                f"{shown(other)}, such as {shown(files[0])}"
            )
    if told:
        raise UserError(
            f"{some(told, most=5)}; move them to the class that they show, or rename them; {MEANT}"
        )


def check_splits(sets: Mapping[str, set[str]]) -> None:
    """Refuse folders such as train and test that hold different classes.

    Parameters
    ----------
    sets : the classes in each such folder.

    Raises
    ------
    UserError
        A class is in some of the folders only.
    """
    for split, labels in sets.items():
        for other, others in sets.items():
            if missing := sorted(labels - others):
                raise UserError(
                    f"{split} holds the classes {', '.join(sorted(labels))}, while {other} lacks "
                    f"{', '.join(missing)}; give both the same classes"
                )
