"""Trains one network from scratch, plain or augmented.

    python -m baselines.train blog-2016 augmented

Plain is the network as it is; augmented has dropout, and sees a new view of each picture in every
epoch.
"""

import sys
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from baselines import networks
from baselines.params import Augmented, Params, Plain
from stages._live import live_history
from vision import pictures
from vision.augmentation import augment
from vision.models import saving
from vision.models.description import Description
from vision.networks import determinism
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.files import write_csv, write_json
from vision.runtime.fingerprint import fingerprint
from vision.runtime.program import run
from vision.training import loop
from vision.training.batches import Batches
from vision.training.checkpoint import Checkpoint

PARAMS = Path("baselines/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
MODELS = Path("models/baselines")
HISTORIES = Path("plots/baselines")

# Decoded pictures of each split that are kept in memory: at 180 px, 400 MB of them.
KEPT = 4096


def main() -> None:
    name, form_name = sys.argv[1:]
    baseline = f"{name}-{form_name}"
    params = load_params(PARAMS, Params)
    network = params.network(name)
    form = getattr(network, form_name)
    determinism.enable()
    classes = list(pictures.index(SUBSET / "train")["label"].unique())
    dropout = form.dropout if isinstance(form, Augmented) else None
    model = networks.build(name, network.image_size, len(classes), dropout, params.seed)
    settings = [baseline, params.seed, network.image_size, form]
    checkpoint = Checkpoint(MODELS / f".{baseline}.npz", fingerprint(settings, [SUBSET]))
    table = HISTORIES / f"{baseline}.csv"
    with live_history(table) as on_epoch:
        history, summary = loop.fit(
            model,
            batches("train", classes, network.image_size, form, params.seed),
            batches("validation", classes, network.image_size, form),
            form,
            form.learning_rate,
            checkpoint,
            on_epoch,
        )
    saving.save(model, Description(classes, network.image_size, name), MODELS / f"{baseline}.keras")
    write_json({"parameters": model.count_params()} | summary, MODELS / f"{baseline}.training.json")
    write_csv(history, table)
    checkpoint.remove()
    environment.note(f"baselines: train {baseline}", ENVIRONMENT)


def batches(
    split: str, classes: list[str], size: int, form: Plain, train_seed: int | None = None
) -> Batches:
    """Give a split's pictures in batches; where there is a seed, to train on: shuffled and,
    in the augmented form, as new views each epoch.
    """
    index = pictures.index(SUBSET / split)
    load_picture = lru_cache(KEPT)(partial(pictures.load, size=size))

    def load(chosen: np.ndarray, epoch: int) -> np.ndarray:
        files = index["file"].iloc[chosen]
        batch = np.stack([load_picture(SUBSET / split / file) for file in files])
        if train_seed is not None and isinstance(form, Augmented):
            return augment(batch, files, epoch, form.augmentation, train_seed)
        return batch.astype(np.float32)

    labels = index["label"].map(classes.index).to_numpy()
    return Batches(load, labels, form.batch_size, train_seed)


if __name__ == "__main__":
    run(main)
