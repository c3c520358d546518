"""Unfreezes the top of the convolutional base and trains it jointly with the head.

The model is written for Keras and for LiteRT, which predicts without TensorFlow.
"""

from dataclasses import replace
from pathlib import Path

from stages._live import live_history
from vision.models import saving
from vision.models.engine import Engine
from vision.networks import determinism
from vision.params import load_params
from vision.runtime.disk import replacing_file
from vision.runtime.files import write_csv, write_json
from vision.runtime.fingerprint import fingerprint
from vision.runtime.program import run
from vision.training import finetuning
from vision.training.checkpoint import Checkpoint

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
ACTIVATIONS = Path("data/activations")
HEAD = Path("models/head.keras")
MODEL = Path("models/finetuned.keras")
LITERT = Path("models/finetuned.tflite")
METRICS = Path("metrics/finetune.json")
HISTORY = Path("plots/finetune.csv")
UNFINISHED = Path("models/.finetune.npz")


def main() -> None:
    params = load_params(PARAMS)
    determinism.enable()
    model, description = saving.load(HEAD)
    source = finetuning.Source(
        SUBSET,
        ACTIVATIONS if params.activations.views else None,
        params.augmentation,
        params.seed,
    )
    settings = [params.lr, params.finetune, source]
    checkpoint = Checkpoint(UNFINISHED, fingerprint(settings, [SUBSET, ACTIVATIONS, HEAD]))
    with live_history(HISTORY) as on_epoch:
        history, summary = finetuning.fit(
            model, description, params.finetune, params.lr, source, checkpoint, on_epoch
        )
    # Where no epoch was better, the weights are those of the head's model.
    block = params.finetune.unfreeze_from if summary["best_epoch"] else None
    trained = replace(description, trained_from=block)
    saving.save(model, trained, MODEL)
    with replacing_file(LITERT) as new:
        new.write_bytes(Engine(model).content)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)
    checkpoint.remove()


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
