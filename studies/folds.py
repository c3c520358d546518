"""The training and the validation pictures together, and folds of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from studies.groups import read as read_groups
from vision import pictures
from vision.audit import duplicates
from vision.runtime.errors import UserError
from vision.selection.groups import linked, of_one_name
from vision.training.stored_features import Stored

PARAMS = Path("studies/params.yaml")
SUBSET = Path("data/subset")
FEATURES = Path("data/features")
VIEWS = Path("data/views")

SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Together:
    """The training and the validation pictures.

    Attributes
    ----------
    paths : their files.
    features : shape (pictures, features).
    labels : the number of the class of each.
    classes : its name.
    groups : a number for each; those of near-duplicates are the same, and those of one group of the
        stage `subset`.
    """

    paths: list[Path]
    features: np.ndarray
    labels: np.ndarray
    classes: pd.Series
    groups: np.ndarray


def read(grouping: str, similarity: float) -> Together:
    """Read the training and validation pictures' features, and group the pictures.

    Parameters
    ----------
    grouping : none; or near_duplicates.
    similarity : see `duplicates.group`.
    """
    indices = {split: read_index(split) for split in SPLITS}
    index = pd.concat(indices.values(), ignore_index=True)
    stored = Stored(FEATURES, VIEWS)
    features = np.concatenate([stored.rows(split)[0] for split in SPLITS])
    _, labels = np.unique(index["label"], return_inverse=True)
    paths = [SUBSET / file for file in index["path"]]
    names = np.concatenate([read_groups(split, index) for split, index in indices.items()])
    groups = np.arange(len(index))
    if grouping == "near_duplicates":
        groups = duplicates.group([*map(pictures.digest, paths)], features, similarity)
    return Together(paths, features, labels, index["label"], merged(groups, names))


def merged(groups: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Merge groups that have pictures of one name, which is empty where a picture has none."""
    _, first = np.unique(groups, return_index=True)
    links = zip((first[groups], np.arange(len(groups))), of_one_name(names), strict=True)
    return linked(len(groups), *map(np.concatenate, links))


def read_index(split: str) -> pd.DataFrame:
    index = pd.read_csv(FEATURES / f"{split}.csv", dtype=str, keep_default_na=False)
    return index.assign(path=split + "/" + index["file"])


def check(
    classes: pd.Series, groups: np.ndarray, count: int, name: str = "cross_validate.folds"
) -> None:
    """Refuse more folds than a class has groups: some fold would be without the class.

    Parameters
    ----------
    name : of the parameter that is the count.
    """
    fewest = pd.Series(groups).groupby(classes.to_numpy()).nunique()
    least = fewest.min()
    if least < count:
        less = f"set it to {least} or less in {PARAMS}, or " if least > 1 else ""
        raise UserError(
            f"{name} = {count} is too many for class {fewest.idxmin()}, which has {least} "
            f"different pictures or groups of them for training and validation; {less}add pictures"
        )


def folds(
    labels: np.ndarray, groups: np.ndarray, count: int, repeats: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut pictures into folds, with about the same share of each class and groups kept whole.

    Yields
    ------
    For each fold of each repeat, the numbers of the pictures to train on and of those to predict.
    """
    for repeat in range(repeats):
        # Lists of numbers seed as well as one does, and the second keeps repeats apart.
        random = np.random.RandomState([seed, repeat])
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=random)
        yield from splitter.split(labels, labels, groups)
