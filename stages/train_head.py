"""Trains the densely connected classifier on the stored features, those of views included."""

from pathlib import Path

from stages._live import live_history
from vision.models import saving
from vision.networks import determinism
from vision.networks.extractor import build_extractor
from vision.params import load_params
from vision.runtime.files import write_csv, write_json
from vision.runtime.program import run
from vision.training import heads
from vision.training.stored_features import Stored

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
    extractor = build_extractor(params.backbone, WEIGHTS)
    with live_history(HISTORY) as on_epoch:
        model, description, history, summary = heads.fit(
            extractor,
            params.backbone.name,
            Stored(FEATURES, VIEWS),
            params.train_head,
            params.seed,
            on_epoch=on_epoch,
        )
    saving.save(model, description, MODEL)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
