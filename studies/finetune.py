"""Fine-tunes on a random draw of the training pictures, and measures on the test pictures.

    python -m studies.finetune 50

on 50 pictures of each class, from the head that was trained on the same ones.
"""

import sys
from pathlib import Path

from studies import random_subsets
from studies.groups import read as read_groups
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
from vision.training import finetuning, unfreezing
from vision.training.checkpoint import Checkpoints
from vision.training.stored_features import Stored
from vision.training.unfreezing import Source

PIPELINE_PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
TRAIN = SUBSET / "train"
TEST = SUBSET / "test"
FEATURES = Path("data/features")
VIEWS = Path("data/views")
HEADS = Path("models/studies/heads")
METRICS = Path("metrics/studies/finetuned")
UNFINISHED = Path("models/studies")


def main() -> None:
    size = int(sys.argv[1])
    params = load_params(PIPELINE_PARAMS)
    index = pictures.index(TRAIN)
    labels = index["label"].to_numpy(dtype=str)
    if random_subsets.is_left_out(size, labels, METRICS / f"{size}.json"):
        return
    determinism.enable()
    head = HEADS / str(size) / "head.keras"
    model, description = saving.load(head)
    source = Source(
        SUBSET,
        Stored(FEATURES, VIEWS),
        UNFINISHED / f".activations-{size}.partial",
        params.store.max_gb,
        params.augmentation,
        params.seed,
        random_subsets.draw(labels, read_groups("train", index), size, 0, params.seed),
    )
    settings = params.finetune
    # However good the head is: what does fine-tuning do at each size?
    settings = settings.model_copy(update={"least_wrong": 0})
    work = fingerprint(
        [size, params.lr, settings, params.train_head, params.augmentation, params.seed],
        [SUBSET, head],
    )
    checkpoints = Checkpoints(UNFINISHED, f"finetune-{size}", work)
    model, description, _, summary = finetuning.finetune(
        model,
        description,
        settings,
        unfreezing.learning_rates(params.lr),
        source,
        params.train_head,
        checkpoints.part,
    )
    index = pictures.index(TEST)
    of_one = SideBySide([model], description.backbone, description.trained_from)
    paths = [TEST / file for file in index["file"]]
    (probabilities,) = of_one.probabilities(paths, False, "test", params.store.max_gb)
    accuracy = scores.accuracy(
        index["label"].map(description.classes.index).to_numpy(), probabilities
    )
    low, high = scores.accuracy_interval(accuracy * len(index), len(index))
    write_json(
        {name: summary[name] for name in ("epochs", "best_epoch")}
        | {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high},
        METRICS / f"{size}.json",
    )
    checkpoints.remove()
    environment.note(f"studies: finetune {size}", ENVIRONMENT)


if __name__ == "__main__":
    run(main)
