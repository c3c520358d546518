"""Cross-validates the head on the stored features of the training and validation pictures.

The head is logistic regression, fitted to the end by scikit-learn: in seconds, and with nothing of
the luck of a seed. Test pictures are left alone.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from natsort import natsorted
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold

from studies import duplicates
from studies.params import Params
from vision import environment, pictures
from vision.errors import UserError
from vision.output import write_csv, write_json
from vision.params import load_params
from vision.program import run

PIPELINE_PARAMS = Path("params.yaml")
PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
FEATURES = Path("data/features")
VIEWS = Path("data/views")
METRICS = Path("metrics/studies/cross_validation.json")
CURVE = Path("plots/studies/cross_validation.csv")

SPLITS = ("train", "validation")
TOLERANCE = 1e-5  # of the gradient: moves the cross-entropy by less than a thousandth of itself
STEPS = 10_000


def main() -> None:
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    index = pd.concat([read_index(split) for split in SPLITS], ignore_index=True)
    features = np.concatenate([np.load(FEATURES / f"{split}.npy") for split in SPLITS])
    views = [np.load(path, mmap_mode="r") for path in natsorted(VIEWS.iterdir())]
    _, labels = np.unique(index["label"], return_inverse=True)
    groups = np.arange(len(index))
    if study.cross_validate.groups == "near_duplicates":
        digests = [pictures.digest(SUBSET / file) for file in index["path"]]
        groups = duplicates.group(digests, features, study.cross_validate.similarity)
    check(index["label"], groups, study.cross_validate.folds)
    table = cross_validate(
        features,
        views,
        labels,
        folds(
            labels, groups, study.cross_validate.folds, study.cross_validate.repeats, params.seed
        ),
        study.cross_validate.l2,
    )
    curve = summarise(table)
    best = curve.loc[curve["loss"].idxmin()]
    chosen = table[table["l2"] == best["l2"]]
    figures = ("accuracy", "accuracy_sd", "loss", "loss_sd")
    write_json(
        {"pictures": len(index), "groups": int(groups.max()) + 1, "l2": float(best["l2"])}
        | {name: float(best[name]) for name in figures}
        | {"fold_accuracy": dict(zip(chosen["fold"].astype(str), chosen["accuracy"], strict=True))},
        METRICS,
    )
    write_csv(curve, CURVE)
    environment.note("studies: cross_validate", ENVIRONMENT)


def read_index(split: str) -> pd.DataFrame:
    index = pd.read_csv(FEATURES / f"{split}.csv", dtype=str, keep_default_na=False)
    return index.assign(path=split + "/" + index["file"])


def check(classes: pd.Series, groups: np.ndarray, count: int) -> None:
    """Refuse more folds than a class has groups: some fold would be without the class."""
    fewest = pd.Series(groups).groupby(classes.to_numpy()).nunique()
    if fewest.min() < count:
        raise UserError(
            f"cross_validate.folds = {count} is too many for class {fewest.idxmin()}, which has "
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
    features: np.ndarray,
    views: list[np.ndarray],
    labels: np.ndarray,
    splits: Iterator[tuple[np.ndarray, np.ndarray]],
    strengths: list[float],
) -> pd.DataFrame:
    """Predict each fold from the others, with each strength of the penalty.

    Parameters
    ----------
    features : shape (pictures, features).
    views : the features of views of the first pictures; all of a picture's views are where it is
        itself in training, and share its weight. Nothing is predicted for them.
    splits : as `folds` yields them.

    Returns
    -------
    One row a fold and strength: fold, from 1; l2; accuracy; loss, the cross-entropy in nats.
    """
    rows = []
    for number, (train, held_out) in enumerate(splits, 1):
        inputs, of = [features[train]], [train]
        for view in views:
            of.append(train[train < len(view)])
            inputs.append(view[of[-1]])
        picture = np.concatenate(of)
        weights = 1 / np.bincount(picture, minlength=len(features))[picture]
        x = np.concatenate(inputs).astype(np.float64)
        # The intercept takes the mean up, unpenalised: the same optimum in a third of the steps.
        mean = x.mean(axis=0)
        x -= mean
        model = LogisticRegression(tol=TOLERANCE, max_iter=STEPS, warm_start=True)
        for l2 in sorted(strengths, reverse=True):  # each starts where the stronger one ended
            model.C = inverse_strength(l2, len(train))
            model.fit(x, labels[picture], weights)
            probabilities = model.predict_proba(features[held_out] - mean)
            right = probabilities.argmax(axis=1) == labels[held_out]
            loss = log_loss(labels[held_out], probabilities, labels=model.classes_)
            rows.append((number, l2, float(right.mean()), float(loss)))
    return pd.DataFrame(rows, columns=["fold", "l2", "accuracy", "loss"])


def inverse_strength(l2: float, pictures: int) -> float:
    """Give scikit-learn's C for what the pipeline calls l2.

    Keras minimises (sum of cross-entropies) / pictures + l2 |w|², scikit-learn
    C (sum of cross-entropies) + |w|² / 2, both without the intercept in w. So C is
    1 / (2 l2 pictures).
    """
    return 1 / (2 * l2 * pictures)


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
