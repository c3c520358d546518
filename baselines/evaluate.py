"""Measures one trained network on the validation and on the test pictures.

python -m baselines.evaluate blog-2016 augmented
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from vision import pictures
from vision.evaluation import scores
from vision.features import extraction
from vision.models import saving
from vision.models.description import class_probabilities
from vision.models.engine import Engine
from vision.networks import determinism
from vision.runtime import environment
from vision.runtime.files import read_json, write_csv, write_json
from vision.runtime.program import run

ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
MODELS = Path("models/baselines")
METRICS = Path("metrics/baselines")
PREDICTIONS = Path("data/baselines")

CALIBRATION_BINS = 10


def main() -> None:
    baseline = "-".join(sys.argv[1:])
    determinism.enable()
    model, description = saving.load(MODELS / f"{baseline}.keras")
    network = Engine(model)
    summary = read_json(MODELS / f"{baseline}.training.json")
    metrics: dict[str, object] = {
        key: summary[key] for key in ("parameters", "epochs", "best_epoch")
    }
    for split in ("validation", "test"):
        index = pictures.index(SUBSET / split)
        paths = [SUBSET / split / file for file in index["file"]]
        outputs = np.concatenate(list(extraction.run(network, paths, progress=split)))
        probabilities = class_probabilities(outputs)
        labels = index["label"].map(description.classes.index).to_numpy()
        metrics[split] = scores.score(labels, probabilities, CALIBRATION_BINS)
    write_json(metrics, METRICS / f"{baseline}.json")
    # Of the last split, the test; as in data/predictions.csv.
    columns = [f"{baseline}_{label}" for label in description.classes]
    digests = [pictures.digest(path) for path in paths]
    table = index.assign(md5=digests).join(pd.DataFrame(probabilities, columns=columns))
    write_csv(table, PREDICTIONS / f"{baseline}.csv")
    environment.note(f"baselines: evaluate {baseline}", ENVIRONMENT)


if __name__ == "__main__":
    run(main)
