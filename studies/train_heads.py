"""Trains the head on random draws of the training pictures, from their stored features.

    python -m studies.train_heads 50

on 50 pictures of each class. Each draw's head is logistic regression, with the strength of its
penalty that is best on the validation pictures, and measured on the test pictures. On the first
draw a head is trained as the pipeline's own is, for fine-tuning to start from.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from studies import logistic, random_subsets
from studies.groups import read as read_groups
from studies.params import Params
from vision.evaluation import scores
from vision.models import saving
from vision.models.description import class_probabilities
from vision.networks import determinism, parts
from vision.networks.extractor import build_extractor
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.files import write_json
from vision.runtime.program import run
from vision.training import heads
from vision.training.stored_features import Stored

PIPELINE_PARAMS = Path("params.yaml")
PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
WEIGHTS = Path("data/weights")
FEATURES = Path("data/features")
VIEWS = Path("data/views")
MODELS = Path("models/studies/heads")
METRICS = Path("metrics/studies/heads")


def main() -> None:
    size = int(sys.argv[1])
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    folder = MODELS / str(size)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stored = Stored(FEATURES, VIEWS)
    names = stored.labels("train")
    if random_subsets.is_left_out(size, names, METRICS / f"{size}.json"):
        return
    determinism.enable()
    classes = sorted(set(names))
    rows = {split: stored.rows(split) for split in ("train", "validation", "test")}
    labels = {split: np.array([classes.index(k) for k in stored.labels(split)]) for split in rows}
    index = pd.read_csv(FEATURES / "train.csv", dtype=str, keep_default_na=False)
    groups = read_groups("train", index)
    drawn = different(names, groups, size, study.learning_curve.draws, params.seed)
    measured = [measure(rows, labels, chosen, study.l2) for chosen in drawn]

    extractor = build_extractor(params.backbone, WEIGHTS)
    whole, description, *_ = heads.fit(
        extractor, params.backbone.name, stored, params.train_head, params.seed, drawn[0]
    )
    saving.save(whole, description, folder / "head.keras")
    head = parts.head(whole)
    start = class_probabilities(head.predict(rows["test"][0], verbose=0))
    write_json(
        summarise(measured, len(labels["test"]))
        | {"pipeline_accuracy": scores.accuracy(labels["test"], start)},
        METRICS / f"{size}.json",
    )
    environment.note(f"studies: train_heads {size}", ENVIRONMENT)


def measure(
    rows: dict[str, list[np.ndarray]],
    labels: dict[str, np.ndarray],
    chosen: np.ndarray,
    strengths: list[float],
) -> float:
    """Return the test accuracy of the head that is trained on some pictures.

    Parameters
    ----------
    rows, labels : of each split.
    chosen : the indices of the training pictures to train on.
    strengths : of the penalty; that of the least cross-entropy on the validation pictures counts.
    """
    others = np.concatenate([rows["validation"][0], rows["test"][0]])
    count = len(labels["validation"])
    losses, accuracies = [], []
    for _, predicted in logistic.fit(rows["train"], labels["train"], chosen, others, strengths):
        losses.append(scores.cross_entropy(labels["validation"], predicted[:count]))
        accuracies.append(scores.accuracy(labels["test"], predicted[count:]))
    return accuracies[int(np.argmin(losses))]


def different(
    labels: np.ndarray, groups: np.ndarray, size: int, count: int, seed: int
) -> list[np.ndarray]:
    """Draw pictures so many times, and leave out what was drawn before.

    Of all the pictures there is but one draw, and a head trained on it again is the same head.
    """
    drawn = [random_subsets.draw(labels, groups, size, number, seed) for number in range(count)]
    return list({tuple(chosen): chosen for chosen in drawn}.values())


def summarise(measured: list[float], pictures: int) -> dict[str, object]:
    """Return the mean accuracy of the draws and how far they are apart.

    Returns
    -------
    draws; accuracy, the mean, with the 95 % interval by the number of test pictures
    accuracy_low to accuracy_high; lowest and highest of the draws and their standard deviation,
    which one draw doesn't have; and each draw's accuracy, from 1.
    """
    values = np.array(measured)
    mean = float(values.mean())
    low, high = scores.accuracy_interval(mean * pictures, pictures)
    spread = {"accuracy_sd": float(values.std(ddof=1))} if len(values) > 1 else {}
    return {
        "draws": len(values),
        "accuracy": mean,
        "accuracy_low": low,
        "accuracy_high": high,
        "lowest": float(values.min()),
        "highest": float(values.max()),
        **spread,
        "draw_accuracy": {str(number): value for number, value in enumerate(measured, 1)},
    }


if __name__ == "__main__":
    run(main)
