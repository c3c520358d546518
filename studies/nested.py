"""Cross-validates ways to train the head, with the choices of each made in folds of their own.

The validation pictures pick the epoch of a head and the strength of its penalty, so that its loss
on them flatters the way that picks among more. Here each fold is predicted by a head whose choices
were made on a part of the other folds, and a way is judged by pictures that had no say in it (S.
Varma and R. Simon, "Bias in error estimation when using cross-validation for model selection", BMC
Bioinformatics 7, 2006). The test pictures are left alone.
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from studies import together
from studies.params import HeadVariant, Params
from vision import determinism, environment, features, head_training, scores
from vision.description import class_probabilities
from vision.engine import Engine
from vision.inference import MIRRORED
from vision.output import write_json
from vision.params import TrainHead, load_params
from vision.program import run
from vision.stored import Stored

PIPELINE_PARAMS = Path("params.yaml")
PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
WEIGHTS = Path("data/weights")
METRICS = Path("metrics/studies/nested.json")

Predict = Callable[
    [together.Together, np.ndarray, np.ndarray, np.ndarray],
    np.ndarray,
]


def main() -> None:
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    determinism.enable()
    extractor = features.build_extractor(params.backbone, WEIGHTS)
    both = together.read(study.cross_validate.groups, study.cross_validate.similarity)
    ways = study.nested.settings
    mirrored = None
    if any(ways[name].mirror for name in ways):
        mirrored = mirror_images(extractor, both, params.store.max_gb)
    measured = {
        name: validate(
            both,
            study,
            params.seed,
            partial(
                predict,
                extractor,
                params.backbone.name,
                with_changes(params.train_head, ways[name]),
                params.seed,
                [both.features, mirrored] if ways[name].mirror else [both.features],
            ),
        )
        for name in ways
    }
    write_json(
        {
            "backbone": params.backbone.name,
            "pictures": len(both.labels),
            "folds": study.nested.folds,
            "repeats": study.nested.repeats,
            "ways": summarise(measured),
        },
        METRICS,
    )
    environment.note("studies: nested", ENVIRONMENT)


def with_changes(settings: TrainHead, variant: HeadVariant) -> TrainHead:
    """Put what a variant sets in the place of the pipeline's own."""
    return settings.model_copy(update=variant.model_dump(exclude_none=True, exclude={"mirror"}))


def mirror_images(extractor: keras.Model, both: together.Together, store_gb: float) -> np.ndarray:
    """Give the features of the pictures' mirror images, shape (pictures, features)."""
    mirrored = np.empty_like(both.features)
    rows = features.rows(Engine(extractor), both.paths, "mirrored", store_gb, MIRRORED)
    for number, row in rows:
        mirrored[number] = row
    return mirrored


def predict(
    extractor: keras.Model,
    backbone: str,
    settings: TrainHead,
    seed: int,
    views: Sequence[np.ndarray],
    both: together.Together,
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
        whole, *_ = head_training.fit(extractor, backbone, stored, settings, seed)
    head = whole.get_layer("head")
    told = [class_probabilities(head.predict(rows[held_out], verbose=0)) for rows in views]
    return np.mean(told, axis=0)


def lay_out(both: together.Together, splits: dict[str, np.ndarray], folder: Path) -> Stored:
    """Write the rows of some pictures as the stages do."""
    (folder / "views").mkdir()
    for split, chosen in splits.items():
        np.save(folder / f"{split}.npy", both.features[chosen])
        labels = both.classes.iloc[chosen].rename("label")
        labels.to_csv(folder / f"{split}.csv", index=False)
    return Stored(folder, folder / "views")


def validate(both: together.Together, study: Params, seed: int, predict: Predict) -> pd.DataFrame:
    """Predict each fold by a head that it had no part in.

    Parameters
    ----------
    predict : from all pictures, and the numbers of those to train on, of those to choose by and of
        those to predict, gives probabilities of the last.

    Returns
    -------
    One row a fold: pictures; wrong, how many of them; loss, the cross-entropy in nats.
    """
    labels, groups = both.labels, both.groups
    together.check(both.classes, groups, study.nested.folds, "nested.folds")
    splits = list(together.folds(labels, groups, study.nested.folds, study.nested.repeats, seed))
    measured = []
    for others, held_out in tqdm(splits, unit="fold", disable=None):
        together.check(
            both.classes.iloc[others], groups[others], study.nested.parts, "nested.parts"
        )
        parts = StratifiedGroupKFold(study.nested.parts, shuffle=True, random_state=seed)
        train, choose = next(parts.split(others, labels[others], groups[others]))
        predicted = predict(both, others[train], others[choose], held_out)
        truth = labels[held_out]
        wrong = int((predicted.argmax(axis=1) != truth).sum())
        loss = scores.cross_entropy(truth, predicted)
        measured.append({"pictures": len(truth), "wrong": wrong, "loss": loss})
    return pd.DataFrame(measured)


def summarise(measured: dict[str, pd.DataFrame]) -> dict[str, dict[str, float | int]]:
    """Sum up each way, and how its loss differs from the first one's, fold by fold.

    Returns
    -------
    By the way: wrong, of so many pictures; loss, its mean over the folds; and difference and
    difference_sd, mean and standard deviation over the folds.
    """
    first = next(iter(measured.values()))
    summary = {}
    for name, table in measured.items():
        difference = table["loss"] - first["loss"]
        summary[name] = {
            "wrong": int(table["wrong"].sum()),
            "pictures": int(table["pictures"].sum()),
            "loss": float(table["loss"].mean()),
            "difference": float(difference.mean()),
            "difference_sd": float(difference.std(ddof=1)),
        }
    return summary


if __name__ == "__main__":
    run(main)
