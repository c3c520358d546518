"""Fine-tunes on a random draw of the training pictures, and measures on the test pictures.

    python -m studies.finetune 50

on 50 pictures of each class, from the head that was trained on the same ones.
"""

import sys
from pathlib import Path

from studies import random_subsets
from vision import pictures
from vision.evaluation import scores
from vision.evaluation.inference import SideBySide
from vision.models import saving
from vision.networks import determinism
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.files import write_json
from vision.runtime.fingerprint import fingerprint
from vision.runtime.program import run
from vision.training import finetuning
from vision.training.checkpoint import Checkpoint

PIPELINE_PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
TRAIN = SUBSET / "train"
TEST = SUBSET / "test"
ACTIVATIONS = Path("data/activations")
HEADS = Path("models/studies/heads")
METRICS = Path("metrics/studies/finetuned")
UNFINISHED = Path("models/studies")


def main() -> None:
    size = int(sys.argv[1])
    params = load_params(PIPELINE_PARAMS)
    index = pictures.index(TRAIN)
    labels = index["label"].to_numpy(dtype=str)
    if reason := random_subsets.left_out(size, labels):
        print(reason)
        write_json({"available": random_subsets.available(labels)}, METRICS / f"{size}.json")
        return
    determinism.enable()
    head = HEADS / str(size) / "head.keras"
    model, description = saving.load(head)
    source = finetuning.Source(
        SUBSET,
        ACTIVATIONS if params.activations.views else None,
        params.augmentation,
        params.seed,
        random_subsets.draw(labels, size, 0, params.seed),
    )
    settings = [size, params.lr, params.finetune, params.augmentation, params.seed]
    checkpoint = Checkpoint(
        UNFINISHED / f".finetune-{size}.npz",
        fingerprint(settings, [SUBSET, ACTIVATIONS, head]),
    )
    _, summary = finetuning.fit(model, description, params.finetune, params.lr, source, checkpoint)
    index = pictures.index(TEST)
    of_one = SideBySide([model], description.backbone, params.finetune.unfreeze_from)
    paths = [TEST / file for file in index["file"]]
    (probabilities,) = of_one.probabilities(paths, False, "test", params.store.max_gb)
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
