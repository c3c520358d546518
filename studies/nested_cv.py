"""Predicts each fold of the pictures by a head that was trained, and chosen, on the others.

The validation pictures pick the epoch of a head and the strength of its penalty, so that its loss
on them flatters the way that picks among more. Here each fold is predicted by a head whose choices
were made on a part of the other folds, and a way is judged by pictures that had no say in it (S.
Varma and R. Simon, "Bias in error estimation when using cross-validation for model selection", BMC
Bioinformatics 7, 2006).
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from studies import folds
from vision.evaluation import scores
from vision.features import extraction
from vision.models.description import class_probabilities
from vision.models.engine import Engine
from vision.networks import parts
from vision.params import TrainHead
from vision.training import heads
from vision.training.stored_features import Stored


def run_base(
    network: Engine,
    paths: Sequence[Path],
    store_gb: float,
    changes: Mapping[str, extraction.NamedChange | None],
) -> list[np.ndarray]:
    """Return the features of pictures, of each change, by what its progress is called.

    Each has the shape (pictures, features); see `extraction.rows`.
    """
    views = np.empty((len(changes), len(paths), network.numbers), np.float32)
    for view, (progress, change) in zip(views, changes.items(), strict=True):
        for number, row in extraction.rows(network, paths, progress, store_gb, change):
            view[number] = row
    return [*views]


def predict(
    extractor: keras.Model,
    backbone: str,
    settings: TrainHead,
    seed: int,
    views: Sequence[np.ndarray],
    both: folds.Together,
    train: np.ndarray,
    choose: np.ndarray,
    held_out: np.ndarray,
) -> np.ndarray:
    """Train a head as the stage does on some pictures, choose by others, and predict others.

    Parameters
    ----------
    views : the features of all pictures, of each view whose probabilities are averaged.

    Returns
    -------
    Probabilities, shape (pictures, classes).
    """
    with tempfile.TemporaryDirectory() as folder:
        stored = lay_out(both, {"train": train, "validation": choose}, Path(folder))
        whole, *_ = heads.fit(extractor, backbone, stored, settings, seed)
    head = parts.head(whole)
    told = [class_probabilities(head.predict(rows[held_out], verbose=0)) for rows in views]
    return np.mean(told, axis=0)


def lay_out(both: folds.Together, splits: dict[str, np.ndarray], folder: Path) -> Stored:
    """Write the rows of some pictures as the stages do."""
    (folder / "views").mkdir()
    for split, chosen in splits.items():
        np.save(folder / f"{split}.npy", both.features[chosen])
        labels = both.classes.iloc[chosen].rename("label")
        labels.to_csv(folder / f"{split}.csv", index=False)
    return Stored(folder, folder / "views")


def validate(
    both: folds.Together,
    count: int,
    parts: int,
    repeats: int,
    seed: int,
    predict: Callable[[folds.Together, np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> pd.DataFrame:
    """Predict each fold by a head that it had no part in.

    Parameters
    ----------
    count : of the folds that all pictures are cut into, `repeats` times anew.
    parts : that those of the other folds are cut into, one of which chooses.
    predict : from all pictures, and the numbers of those to train on, of those to choose by and of
        those to predict, returns probabilities of the last.

    Returns
    -------
    One row a fold: pictures; wrong, how many of them; loss, the cross-entropy in nats.
    """
    labels, groups = both.labels, both.groups
    folds.check(both.classes, groups, count, "nested.folds")
    splits = list(folds.folds(labels, groups, count, repeats, seed))
    measured = []
    for others, held_out in tqdm(splits, unit="fold", disable=None):
        folds.check(both.classes.iloc[others], groups[others], parts, "nested.parts")
        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
        train, choose = next(splitter.split(others, labels[others], groups[others]))
        predicted = predict(both, others[train], others[choose], held_out)
        truth = labels[held_out]
        wrong = int((predicted.argmax(axis=1) != truth).sum())
        loss = scores.cross_entropy(truth, predicted)
        measured.append({"pictures": len(truth), "wrong": wrong, "loss": loss})
    return pd.DataFrame(measured)
