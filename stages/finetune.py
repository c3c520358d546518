"""Fine-tunes the top of the convolutional base, or of one of its networks, with the head.

The model is written for Keras and for LiteRT, which predicts without TensorFlow.
"""

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
from vision.training import finetuning, unfreezing
from vision.training.checkpoint import Checkpoints
from vision.training.stored_features import Stored
from vision.training.unfreezing import Source

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
FEATURES = Path("data/features")
VIEWS = Path("data/views")
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
    source = Source(
        SUBSET,
        Stored(FEATURES, VIEWS),
        ACTIVATIONS,
        params.store.max_gb,
        params.augmentation,
        params.seed,
    )
    work = fingerprint([params.lr, settings, params.train_head, source], [SUBSET, HEAD])
    checkpoints = Checkpoints(UNFINISHED, "finetune", work)
    with live_history(HISTORY) as on_epoch:
        model, description, history, summary = finetuning.finetune(
            model,
            description,
            settings,
            unfreezing.learning_rates(params.lr),
            source,
            params.train_head,
            checkpoints.part,
            on_epoch,
        )
    saving.save(model, description, MODEL)
    with replacing_file(LITERT) as new:
        new.write_bytes(Engine(model).content)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)
    checkpoints.remove()


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
