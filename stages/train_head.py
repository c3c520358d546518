"""Trains the densely connected classifier on the stored features."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from vision import determinism, features, heads, models, training
from vision.output import write_csv, write_json
from vision.params import load_params
from vision.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
WEIGHTS = Path("data/weights")
FEATURES = Path("data/features")
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
        batches("train", classes, params.train_head.batch_size, shuffle_seed=params.seed),
        batches("validation", classes, params.train_head.batch_size),
        params.train_head,
        params.train_head.learning_rate,
    )
    whole = keras.Model(extractor.input, head(extractor.output), name="classifier")
    description = models.Description(classes, extractor.input.shape[1], params.backbone.name)
    models.save(whole, description, MODEL)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)


def batches(
    split: str, classes: list[str], batch_size: int, shuffle_seed: int | None = None
) -> training.Batches:
    """Give a split's features, memory-mapped, in batches."""
    rows = np.load(FEATURES / f"{split}.npy", mmap_mode="r")
    labels = read_labels(split).map(classes.index).to_numpy()
    return training.Batches(lambda chosen, _epoch: rows[chosen], labels, batch_size, shuffle_seed)


def read_labels(split: str) -> pd.Series:
    return pd.read_csv(FEATURES / f"{split}.csv", dtype=str, keep_default_na=False)["label"]


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
