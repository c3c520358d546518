"""What is known of a picture: its class, and beside that its split, its group, its weight.

The latter travel in a table beside the pictures.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from vision.runtime.disk import replacing_file
from vision.runtime.text import class_name, natural_order

SPLITS = ("train", "validation", "test")


class Given(NamedTuple):
    """Text as it is written; empty where nothing is known.

    Attributes
    ----------
    split : train, validation or test.
    group : of pictures that must not be parted, by its name in a table, or the folder.
    folder : what a picture lay in, below the folder of its class.
    weight : a number above 0.
    """

    split: str = ""
    group: str = ""
    folder: str = ""
    weight: str = ""


class Told(NamedTuple):
    """What folders and names, or tables, tell of pictures.

    Attributes
    ----------
    label : the class of each picture that has one.
    given : what else is known of these.
    unlabelled : pictures for the test that nobody has labelled.
    tables : the names of the tables that were read.
    said : what was found there, and which others can't be read, in lines.
    """

    label: dict[str, str]
    given: dict[str, Given]
    unlabelled: list[str]
    tables: list[str]
    said: list[str]

    def split_of(self, picture: str) -> str:
        """Return the split of a picture, by its name; that of those without a label is test."""
        return self.given[picture].split if picture in self.given else "test"


def settled(given: Mapping[str, Given]) -> dict[str, Given]:
    """Return the same with splits as they are meant, seen all together.

    Where all pictures are in one split, as in Kaggle's `train`, nobody has split them. The folder
    `eval` is for validation where there's one for the test, too.
    """
    splits = {each.split for each in given.values()}
    if len(splits) == 1:
        return merged(given)
    evaluation = "validation" if "test" in splits else "test"
    return {
        name: each._replace(split=evaluation) if each.split == "evaluation" else each
        for name, each in given.items()
    }


def merged(given: Mapping[str, Given]) -> dict[str, Given]:
    """Return the same without splits."""
    return {name: each._replace(split="") for name, each in given.items()}


def write(path: Path, folder: Path, given: Mapping[str, Given]) -> None:
    """Write a table with a row for each picture in `folder`/CLASS/FILE, by class and name.

    Parameters
    ----------
    given : by CLASS/FILE; of others nothing is known.
    """
    with replacing_file(path) as new, new.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file", *Given._fields])
        for label in sorted(folder.iterdir(), key=lambda path: class_name(path.name)):
            for name in natural_order([picture.name for picture in label.iterdir()]):
                picture = f"{label.name}/{name}"
                table.writerow([picture, *given.get(picture, Given())])
