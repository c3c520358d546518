"""Cross-validates the head on the stored features of the training and validation pictures.

The test pictures are left alone.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from studies import folds, logistic
from studies.params import Params
from vision.evaluation import scores
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.files import write_csv, write_json
from vision.runtime.program import run
from vision.training.stored_features import Stored

PIPELINE_PARAMS = Path("params.yaml")
PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
FEATURES = Path("data/features")
VIEWS = Path("data/views")
METRICS = Path("metrics/studies/cross_validation.json")
CURVE = Path("plots/studies/cross_validation.csv")


def main() -> None:
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    both = folds.read(study.cross_validate.groups, study.cross_validate.similarity)
    labels, groups, count = both.labels, both.groups, study.cross_validate.folds
    folds.check(both.classes, groups, count)
    splits = folds.folds(labels, groups, count, study.cross_validate.repeats, params.seed)
    rows = [both.features, *Stored(FEATURES, VIEWS).rows("train")[1:]]
    table = cross_validate(rows, labels, splits, study.l2)
    curve = summarise(table)
    best = curve.loc[curve["loss"].idxmin()]
    chosen = table[table["l2"] == best["l2"]]
    write_json(
        {"pictures": len(labels), "groups": int(groups.max()) + 1}
        | best.drop("log10_l2").to_dict()
        | {"fold_accuracy": dict(zip(chosen["fold"].astype(str), chosen["accuracy"], strict=True))},
        METRICS,
    )
    write_csv(curve, CURVE)
    environment.note("studies: cross_validate", ENVIRONMENT)


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
    splits : as `folds.folds` yields them.

    Returns
    -------
    One row a fold and strength: fold, from 1; l2; accuracy; loss, the cross-entropy in nats.
    """
    measured = []
    for number, (train, held_out) in enumerate(splits, 1):
        truth = labels[held_out]
        for l2, predicted in logistic.fit(rows, labels, train, rows[0][held_out], strengths):
            loss = scores.cross_entropy(truth, predicted)
            measured.append((number, l2, scores.accuracy(truth, predicted), loss))
    return pd.DataFrame(measured, columns=["fold", "l2", "accuracy", "loss"])


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return each strength's mean and standard deviation over the folds, weakest first."""
    curve = table.groupby("l2")[["accuracy", "loss"]].agg(["mean", "std"])
    curve.columns = ["accuracy", "accuracy_sd", "loss", "loss_sd"]
    curve.insert(0, "log10_l2", np.log10(curve.index))
    return curve.reset_index()


if __name__ == "__main__":
    run(main)
