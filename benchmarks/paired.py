"""Compares fine-tuning with the plain way: what it costs, and what it comes to.

    python -m benchmarks.paired ARCHIVE

On the first 1000/500/1000 pictures of each class of an archive, with the settings of the run
`lite0-block7a` of results/runs.yaml, a head and its fine-tuning for each of several seeds, in
turns. `stored` is the pipeline: its stages up to train_head, and then what finetune does, which
stores the activations first. `plain` reads, extracts, augments and trains with Keras alone. Both
keep the weights of least validation loss, those of the head among them.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from tabulate import tabulate

from benchmarks.document import keep
from benchmarks.files import FEATURES, PARAMS, SUBSET, WEIGHTS
from benchmarks.project import change, clone, dvc
from benchmarks.side_by_side import PLAIN, between, measure, run

if TYPE_CHECKING:
    import keras

    from vision.params import Params

RUN = "lite0-block7a"
SEEDS = range(1337, 1342)
STORED = "stored"
# What each way tells, and how the table calls it.
KINDS = {
    "head_accuracy": "accuracy of the head",
    "accuracy": "accuracy",
    "loss": "loss",
    "epoch_seconds": "s an epoch",
    "seconds": "s in all",
}
ALL = "all"
ACTIVATIONS = Path("data/.activations.partial")
HEAD = Path("models/head.keras")
UNFINISHED = Path("models/.finetune.npz")

Figures = dict[str, float]


def report(archive: Path) -> Iterator[str]:
    """Measure, and give a table, anew after each seed: what fails later loses nothing."""
    from tools.measure import read_run

    found: dict[int, dict[str, Figures]] = {}
    with tempfile.TemporaryDirectory() as parent:
        folder = clone(Path(parent) / "project", read_run(RUN))
        shutil.copy(archive, folder / "data/external")
        for seed in SEEDS:
            change(folder, {"seed": seed})
            dvc(folder, "repro", "--quiet", "train_head")
            found[seed] = measure("benchmarks.paired", (PLAIN, STORED), str(folder), turns=1)
            yield table(found)


def table(found: dict[int, dict[str, Figures]]) -> str:
    """Draw up the figures of each seed, and those of all: means, and medians of the times."""
    of_all = {
        way: {
            kind: (median if kind.endswith("seconds") else fmean)(
                figures[way][kind] for figures in found.values()
            )
            for kind in KINDS
        }
        for way in (PLAIN, STORED)
    }
    rows = []
    for seed, of_seed in [*found.items(), (ALL, of_all)]:
        plain, stored = of_seed[PLAIN], of_seed[STORED]
        rows.append(
            [
                seed,
                *(way[kind] for kind in KINDS for way in (plain, stored)),
                round(stored["accuracy"] - plain["accuracy"], 6) + 0.0,  # no -0.0
                *(stored[kind] / plain[kind] for kind in ("epoch_seconds", "seconds")),
            ]
        )
    header = [
        "seed",
        *(f"{name}, {way}" for name in KINDS.values() for way in (PLAIN, STORED)),
        f"accuracy, {STORED} − {PLAIN}",
        f"an epoch, {STORED} / {PLAIN}",
        f"all, {STORED} / {PLAIN}",
    ]
    digits = ("", *[".4f"] * 6, ".1f", ".1f", ".0f", ".0f", "+.4f", ".3f", ".3f")
    return tabulate(rows, header, tablefmt="github", floatfmt=digits)


def time_way(way: str, folder: str) -> Figures:
    """Train in one way in this process, which has imported nothing large yet."""
    from vision.params import load_params

    os.chdir(folder)
    params = load_params(PARAMS)
    return (plain if way == PLAIN else stored)(params)


def stored(params: "Params") -> Figures:
    """Fine-tune the head as the stage does."""
    from vision.models import saving
    from vision.networks import determinism
    from vision.training import finetuning
    from vision.training.checkpoint import Checkpoint

    determinism.enable()
    model, description = saving.load(HEAD)
    source = finetuning.Source(
        SUBSET, FEATURES, ACTIVATIONS, params.store.max_gb, params.augmentation, params.seed
    )
    checkpoint = Checkpoint(UNFINISHED, "")
    start = time.perf_counter()
    ends: list[float] = []
    _, summary, _ = finetuning.unfreeze_gradually(
        model,
        description,
        params.finetune,
        params.lr,
        source,
        lambda block: checkpoint,
        lambda _: ends.append(time.perf_counter()),
    )
    seconds = time.perf_counter() - start
    checkpoint.remove()
    return {
        "head_accuracy": summary["validation_accuracy_before"],
        "accuracy": summary["validation_accuracy"],
        "loss": summary["validation_loss"],
        "epoch_seconds": between(ends),
        "seconds": seconds,
    }


def block_of(params: "Params") -> str:
    """Give the one block from which both ways train."""
    (block,) = params.finetune.blocks
    return block


def plain(params: "Params") -> Figures:
    """Train a head and fine-tune it as the books do, with the settings of params.yaml."""
    import keras

    from benchmarks.plain import augmented, dataset, extract, falling
    from vision.networks import backbones
    from vision.networks.extractor import build_extractor
    from vision.training import heads

    extractor = build_extractor(params.backbone, WEIGHTS)
    keras.utils.set_random_seed(params.seed)
    size, batch_size = extractor.input.shape[1], params.finetune.batch_size
    train, validation = (
        dataset(SUBSET / split, size, batch_size, "binary", seed=params.seed)
        for split in ("train", "validation")
    )
    rows, labels = extract(extractor, train)
    head = heads.build_head(rows.shape[1], 2, params.train_head, params.seed)
    settings = params.train_head
    fit(
        head,
        falling(settings.learning_rate, settings.epochs, len(rows), settings.batch_size),
        settings.epochs,
        settings.patience,
        x=rows,
        y=labels,
        batch_size=settings.batch_size,
        validation_data=extract(extractor, validation),
    )
    conv_base = extractor.get_layer("backbone")
    backbones.unfreeze(conv_base, params.backbone.name, block_of(params))
    model = augmented(keras.Model(extractor.input, head(extractor.output)))
    times: list[float] = []

    def note(*_: object) -> None:
        times.append(time.perf_counter())

    settings = params.finetune
    (loss_before, before), (loss, accuracy) = fit(
        model,
        falling(params.lr, settings.epochs, len(rows), batch_size),
        settings.epochs,
        settings.patience,
        keras.callbacks.LambdaCallback(on_train_begin=note, on_epoch_end=note),
        x=train,
        validation_data=validation,
    )
    better = loss < loss_before
    return {
        "head_accuracy": before,
        "accuracy": accuracy if better else before,
        "loss": min(loss, loss_before),
        "epoch_seconds": between(times[1:]),
        "seconds": times[-1] - times[0],
    }


def fit(
    model: "keras.Model",
    optimizer: "keras.optimizers.Optimizer",
    epochs: int,
    patience: int,
    *callbacks: "keras.callbacks.Callback",
    **data: object,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Train until the validation loss falls no more; leave the weights of its least.

    Returns
    -------
    The cross-entropy and the accuracy on the validation pictures, before and after.
    """
    import keras

    model.compile(optimizer, "binary_crossentropy", metrics=["binary_crossentropy", "accuracy"])
    # The loss has the penalty besides, which the pipeline leaves out.
    stop = keras.callbacks.EarlyStopping(
        "val_binary_crossentropy", patience=patience, mode="min", restore_best_weights=True
    )

    def validate() -> tuple[float, float]:
        given = data["validation_data"]
        found = model.evaluate(
            *(given if isinstance(given, tuple) else [given]), verbose=0, return_dict=True
        )
        return found["binary_crossentropy"], found["accuracy"]

    before = validate()
    model.fit(**data, epochs=epochs, callbacks=[stop, *callbacks], verbose=0)
    return before, validate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="of pictures")
    keep("paired", report(parser.parse_args().archive))


if __name__ == "__main__":
    run(time_way, main)
