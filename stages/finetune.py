"""Unfreezes the top of the convolutional base and trains it jointly with the head."""

from pathlib import Path

from vision import backbones, determinism, models, picture_batches, pictures, training
from vision.checkpoint import Checkpoint, fingerprint
from vision.output import write_csv, write_json
from vision.params import load_params
from vision.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
TRAIN = SUBSET / "train"
VALIDATION = SUBSET / "validation"
HEAD = Path("models/head.keras")
MODEL = Path("models/finetuned.keras")
METRICS = Path("metrics/finetune.json")
HISTORY = Path("plots/finetune.csv")
UNFINISHED = Path("models/.finetune.npz")


def main() -> None:
    params = load_params(PARAMS)
    determinism.enable()
    model, description = models.load(HEAD)
    conv_base = model.get_layer("backbone")
    backbones.unfreeze(conv_base, description.backbone, params.finetune.unfreeze_from)
    settings = [params.seed, params.lr, params.finetune, params.augmentation]
    checkpoint = Checkpoint(UNFINISHED, fingerprint(settings, [SUBSET, HEAD]))
    history, summary = training.fit(
        model,
        picture_batches.of(
            TRAIN,
            pictures.index(TRAIN),
            description,
            params.finetune.batch_size,
            params.augmentation,
            params.seed,
        ),
        picture_batches.of(
            VALIDATION, pictures.index(VALIDATION), description, params.finetune.batch_size
        ),
        params.finetune,
        params.lr,
        checkpoint,
        params.finetune.schedule,
    )
    models.save(model, description, MODEL)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)
    checkpoint.remove()


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
