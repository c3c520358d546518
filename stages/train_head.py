"""Trains the densely connected classifier on the stored features, those of views included."""

from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from natsort import natsorted

from vision import determinism, feature_batches, features, heads, models, training
from vision.output import write_csv, write_json
from vision.params import TrainHead, load_params
from vision.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
WEIGHTS = Path("data/weights")
FEATURES = Path("data/features")
VIEWS = Path("data/views")
MODEL = Path("models/head.keras")
METRICS = Path("metrics/head.json")
HISTORY = Path("plots/head.csv")


def main() -> None:
    params = load_params(PARAMS)
    determinism.enable()
    extractor = features.build_extractor(params.backbone, WEIGHTS)
    classes = sorted(read_labels("train").unique())
    head = heads.build_head(extractor.output.shape[1], len(classes), params.train_head, params.seed)
    history, summary = training.fit(
        head,
        batches("train", natsorted(VIEWS.iterdir()), classes, params.train_head, params.seed),
        batches("validation", [], classes, params.train_head, shuffle_seed=None),
        params.train_head,
        params.train_head.learning_rate,
        steps=training.Steps(params.train_head.schedule),
    )
    whole = keras.Model(extractor.input, head(extractor.output), name="classifier")
    description = models.Description(classes, extractor.input.shape[1], params.backbone.name)
    models.save(whole, description, MODEL)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)


def batches(
    split: str,
    views: Iterable[Path],
    classes: list[str],
    settings: TrainHead,
    shuffle_seed: int | None,
) -> training.Batches:
    """Give a split's features, memory-mapped, in batches."""
    rows = [np.load(file, mmap_mode="r") for file in (FEATURES / f"{split}.npy", *views)]
    labels = read_labels(split).map(classes.index).to_numpy()
    return feature_batches.of(rows, labels, settings.batch_size, shuffle_seed)


def read_labels(split: str) -> pd.Series:
    return pd.read_csv(FEATURES / f"{split}.csv", dtype=str, keep_default_na=False)["label"]


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
