"""Trains the densely connected classifier on the stored features, those of views included."""

from pathlib import Path

from stages._live import telling
from vision import determinism, features, head_training, models
from vision.output import write_csv, write_json
from vision.params import load_params
from vision.program import run
from vision.stored import Stored

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
    with telling(HISTORY) as tell:
        model, description, history, summary = head_training.fit(
            extractor,
            params.backbone.name,
            Stored(FEATURES, VIEWS),
            params.train_head,
            params.seed,
            tell=tell,
        )
    models.save(model, description, MODEL)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
