"""Cross-validates the head on the stored features of the training and validation pictures.

The test pictures are left alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold

from studies import logistic
from studies.params import Params
from vision import duplicates, environment, pictures, scores
from vision.errors import UserError
from vision.output import write_csv, write_json
from vision.params import load_params
from vision.program import run
from vision.stored import Stored

PIPELINE_PARAMS = Path("params.yaml")
PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
FEATURES = Path("data/features")
VIEWS = Path("data/views")
METRICS = Path("metrics/studies/cross_validation.json")
CURVE = Path("plots/studies/cross_validation.csv")

SPLITS = ("train", "validation")


def main() -> None:
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    together = read(study)
    labels, groups = together.labels, together.groups
    check(together.classes, groups, study.cross_validate.folds)
    table = cross_validate(
        [together.features, *Stored(FEATURES, VIEWS).rows("train")[1:]],
        labels,
        folds(
            labels, groups, study.cross_validate.folds, study.cross_validate.repeats, params.seed
        ),
        study.l2,
    )
    curve = summarise(table)
    best = curve.loc[curve["loss"].idxmin()]
    chosen = table[table["l2"] == best["l2"]]
    figures = ("accuracy", "accuracy_sd", "loss", "loss_sd")
    write_json(
        {"pictures": len(labels), "groups": int(groups.max()) + 1, "l2": float(best["l2"])}
        | {name: float(best[name]) for name in figures}
        | {"fold_accuracy": dict(zip(chosen["fold"].astype(str), chosen["accuracy"], strict=True))},
        METRICS,
    )
    write_csv(curve, CURVE)
    environment.note("studies: cross_validate", ENVIRONMENT)


@dataclass(frozen=True)
class Together:
    """The training and the validation pictures.

    Attributes
    ----------
    features : shape (pictures, features).
    labels : the number of the class of each.
    classes : its name.
    groups : a number for each; those of near-duplicates are the same.
    """

    features: np.ndarray
    labels: np.ndarray
    classes: pd.Series
    groups: np.ndarray


def read(study: Params) -> Together:
    """Read the training and validation pictures' features, and group the pictures."""
    index = pd.concat([read_index(split) for split in SPLITS], ignore_index=True)
    stored = Stored(FEATURES, VIEWS)
    features = np.concatenate([stored.rows(split)[0] for split in SPLITS])
    _, labels = np.unique(index["label"], return_inverse=True)
    groups = np.arange(len(index))
    if study.cross_validate.groups == "near_duplicates":
        digests = [pictures.digest(SUBSET / file) for file in index["path"]]
        groups = duplicates.group(digests, features, study.cross_validate.similarity)
    return Together(features, labels, index["label"], groups)


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
    if fewest.min() < count:
        raise UserError(
            f"{name} = {count} is too many for class {fewest.idxmin()}, which has "
            f"{fewest.min()} different pictures for training and validation; "
            f"set it to {fewest.min()} or less in {PARAMS}, or add pictures"
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


def cross_validate(
    rows: Sequence[np.ndarray],
    labels: np.ndarray,
    splits: Iterable[tuple[np.ndarray, np.ndarray]],
    strengths: Sequence[float],
) -> pd.DataFrame:
    """Predict each fold from the others, with each strength of the penalty.

    Parameters
    ----------
    rows : as `logistic.fit` takes them; views are trained on only.
    splits : as `folds` yields them.

    Returns
    -------
    One row a fold and strength: fold, from 1; l2; accuracy; loss, the cross-entropy in nats.
    """
    measured = []
    for number, (train, held_out) in enumerate(splits, 1):
        truth = labels[held_out]
        for l2, predicted in logistic.fit(rows, labels, train, rows[0][held_out], strengths):
            loss = log_loss(truth, predicted, labels=np.arange(predicted.shape[1]))
            measured.append((number, l2, scores.accuracy(truth, predicted), float(loss)))
    return pd.DataFrame(measured, columns=["fold", "l2", "accuracy", "loss"])


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Give each strength's mean and standard deviation over the folds, weakest first."""
    grouped = table.groupby("l2", as_index=False)
    curve = grouped.agg(
        accuracy=("accuracy", "mean"),
        accuracy_sd=("accuracy", "std"),
        loss=("loss", "mean"),
        loss_sd=("loss", "std"),
    )
    curve.insert(1, "log10_l2", np.log10(curve["l2"]))
    return curve


if __name__ == "__main__":
    run(main)
