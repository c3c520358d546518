"""Unfreezes the top of the convolutional base, block by block, and trains it with the head.

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
FEATURES = Path("data/features/validation.npy")
ACTIVATIONS = Path("data/.activations.partial")
HEAD = Path("models/head.keras")
MODEL = Path("models/finetuned.keras")
LITERT = Path("models/finetuned.tflite")
METRICS = Path("metrics/finetune.json")
HISTORY = Path("plots/finetune.csv")
UNFINISHED = Path("models")


def main() -> None:
    params = load_params(PARAMS)
    settings = params.finetune
    determinism.enable()
    model, description = saving.load(HEAD)
    source = finetuning.Source(
        SUBSET, FEATURES, ACTIVATIONS, params.store.max_gb, params.augmentation, params.seed
    )
    settings = params.finetune
    work = fingerprint([params.lr, settings, source], [SUBSET, HEAD])
    checkpoints = {
        block: Checkpoint(UNFINISHED / f".finetune-{block}.npz", work) for block in settings.blocks
    }
    with live_history(HISTORY) as on_epoch:
        history, summary, lowest = finetuning.unfreeze_gradually(
            model, description, settings, params.lr, source, checkpoints.get, on_epoch
        )
    trained = replace(description, trained_from=lowest)
    saving.save(model, trained, MODEL)
    with replacing_file(LITERT) as new:
        new.write_bytes(Engine(model).content)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)
    for checkpoint in checkpoints.values():
        checkpoint.remove()


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
