"""Fine-tunes on a random draw of the training pictures, and measures on the test pictures.

    python -m studies.finetune 50

on 50 pictures of each class, from the head that was trained on the same ones.
"""

import sys
from pathlib import Path

import numpy as np

from studies import draws
from vision import (
    backbones,
    determinism,
    environment,
    features,
    models,
    picture_batches,
    pictures,
    scores,
    training,
)
from vision.checkpoint import Checkpoint, fingerprint
from vision.output import write_json
from vision.params import load_params
from vision.program import run

PIPELINE_PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
TRAIN = SUBSET / "train"
VALIDATION = SUBSET / "validation"
TEST = SUBSET / "test"
HEADS = Path("models/studies/heads")
METRICS = Path("metrics/studies/finetuned")
UNFINISHED = Path("models/studies")


def main() -> None:
    size = int(sys.argv[1])
    params = load_params(PIPELINE_PARAMS)
    index = pictures.index(TRAIN)
    labels = index["label"].to_numpy(dtype=str)
    if reason := draws.left_out(size, labels):
        print(reason)
        write_json({"available": draws.available(labels)}, METRICS / f"{size}.json")
        return
    determinism.enable()
    head = HEADS / str(size) / "head.keras"
    model, description = models.load(head)
    backbones.unfreeze(
        model.get_layer("backbone"), description.backbone, params.finetune.unfreeze_from
    )
    settings = [size, params.seed, params.lr, params.finetune, params.augmentation]
    checkpoint = Checkpoint(
        UNFINISHED / f".finetune-{size}.npz",
        fingerprint(settings, [SUBSET, head, Path(draws.__file__)]),
    )
    _, summary = training.fit(
        model,
        picture_batches.of(
            TRAIN,
            index.iloc[draws.draw(labels, size, 0, params.seed)],
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
    index = pictures.index(TEST)
    outputs = features.run(model, [TEST / file for file in index["file"]], "test")
    probabilities = models.class_probabilities(np.concatenate(list(outputs)))
    accuracy = scores.accuracy(
        index["label"].map(description.classes.index).to_numpy(), probabilities
    )
    low, high = scores.accuracy_interval(accuracy * len(index), len(index))
    write_json(
        {
            "epochs": summary["epochs"],
            "best_epoch": summary["best_epoch"],
            "accuracy": accuracy,
            "accuracy_low": low,
            "accuracy_high": high,
        },
        METRICS / f"{size}.json",
    )
    checkpoint.remove()
    environment.note(f"studies: finetune {size}", ENVIRONMENT)


if __name__ == "__main__":
    run(main)
