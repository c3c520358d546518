"""Unfreezes the top of the convolutional base and trains it jointly with the head."""

from pathlib import Path

import numpy as np

from vision import backbones, determinism, models, pictures, training
from vision.augmentation import augment
from vision.checkpoint import Checkpoint, fingerprint
from vision.output import write_csv, write_json
from vision.params import Params, load_params
from vision.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
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
        batches("train", description, params, augmented=True),
        batches("validation", description, params, augmented=False),
        params.finetune,
        params.lr,
        checkpoint,
        params.finetune.schedule,
    )
    models.save(model, description, MODEL)
    write_json(summary, METRICS)
    write_csv(history, HISTORY)
    checkpoint.remove()


def batches(
    split: str, description: models.Description, params: Params, augmented: bool
) -> training.Batches:
    """Give a split's pictures in batches; where augmented, shuffled and as new views each epoch."""
    index = pictures.index(SUBSET / split)

    def load(chosen: np.ndarray, epoch: int) -> np.ndarray:
        files = index["file"].iloc[chosen]
        batch = pictures.load_batch([SUBSET / split / f for f in files], description.image_size)
        if augmented:
            return augment(batch, files, epoch, params.augmentation, params.seed)
        return batch.astype(np.float32)

    labels = index["label"].map(description.classes.index).to_numpy()
    return training.Batches(
        load, labels, params.finetune.batch_size, params.seed if augmented else None
    )


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
