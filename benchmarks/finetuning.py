"""Times an epoch of fine-tuning against the plain way, on the same network, pictures and blocks.

    python -m benchmarks.finetuning

After a run. The plain way is `model.fit` from pixels, with augmentation layers and TensorFlow's own
defaults; `fresh` is this project's way with `activations.views: 0`, `stored` with stored views. An
epoch is one pass over the training pictures and one over the validation pictures; the first one of
each process, which compiles, isn't timed.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

from benchmarks.files import lay_out
from benchmarks.side_by_side import PLAIN, between, measure, run

if TYPE_CHECKING:
    import keras

    from vision.params import Params

PARAMS = Path("params.yaml")
WEIGHTS = Path("data/weights")
SUBSET = Path("data/subset")
# The ways, and epochs enough for a second or more.
EPOCHS = {PLAIN: 2, "fresh": 2, "stored": 6}
WAYS = tuple(EPOCHS)
# Networks, their sizes, and the lowest block that is trained.
NETWORKS = [
    ("efficientnet_lite0", "224", "block5a"),
    ("efficientnet_lite0", "224", "block7a"),
    ("efficientnet_lite1+efficientnet_lite2", "300", "block7a"),
]
BATCH_SIZE = 32
# Pictures of each class and split; more would only take longer.
MOST = {"train": 128, "validation": 64}
VIEWS = 2
LR = 1e-5


def report() -> Iterator[str]:
    """Measure all ways, and give a table."""
    rows = []
    for network, size, block in NETWORKS:
        found = measure("benchmarks.finetuning", WAYS, network, size, block)
        seconds = {way: figures["epoch_seconds"] for way, figures in found.items()}
        rows.append(
            [f"{network}, {size} px, from {block}"]
            + [f"{seconds[way]:.1f}" for way in WAYS]
            + [f"{seconds[way] / seconds[PLAIN]:.3f}" for way in WAYS[1:]]
            + [f"{found['stored']['megabytes']:,.0f}"]
        )
    header = [
        "network",
        *(f"{way}, s" for way in WAYS),
        *(f"{way} / plain" for way in WAYS[1:]),
        "MB stored a view of 1,000 pictures",
    ]
    yield tabulate(rows, header, tablefmt="github", disable_numparse=True)


def time_way(way: str, network: str, size: str, block: str) -> dict[str, float]:
    """Time one way in this process, which has imported nothing large yet."""
    import keras

    from vision.networks import backbones
    from vision.networks.extractor import build_extractor
    from vision.params import load_params
    from vision.training import heads

    params = load_params(PARAMS)
    backbone = params.backbone.model_copy(
        update={"name": network, "image_size": int(size), "weights": "imagenet"}
    )
    finetune = params.finetune.model_copy(update={"unfreeze_from": block})
    params = params.model_copy(update={"backbone": backbone, "finetune": finetune})
    extractor = build_extractor(params.backbone, WEIGHTS)
    head = heads.build_head(extractor.output.shape[1], 2, params.train_head, params.seed)
    model = keras.Model(extractor.input, head(extractor.output))
    with tempfile.TemporaryDirectory() as folder:
        subset = Path(folder) / "subset"
        for split, most in MOST.items():
            lay_out(SUBSET / split, subset / split, most)
        if way == PLAIN:
            backbones.unfreeze(
                model.get_layer("backbone"), params.backbone.name, params.finetune.unfreeze_from
            )
            ends, megabytes = plain(model, subset), 0.0
        else:
            activations = Path(folder) / "activations"
            ends = ours(model, subset, activations, way, params)
            megabytes = sum(path.stat().st_size for path in activations.rglob("*.npy")) / 1e6
    pictures = VIEWS * 2 * MOST["train"] + 2 * MOST["validation"]
    return {"epoch_seconds": between(ends), "megabytes": megabytes / pictures * 1000}


def plain(model: "keras.Model", subset: Path) -> list[float]:
    """Train as the books do; give the time at the end of each epoch."""
    import keras

    from benchmarks.plain import augmented, dataset

    size = model.input.shape[1]
    train, validation = (dataset(subset / split, size, BATCH_SIZE) for split in MOST)
    trained = augmented(model)
    trained.compile(keras.optimizers.Adam(LR), "binary_crossentropy", metrics=["accuracy"])
    ends: list[float] = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    epochs = EPOCHS[PLAIN]
    trained.fit(train, validation_data=validation, epochs=epochs, callbacks=[note], verbose=0)
    return ends


def ours(
    model: "keras.Model", subset: Path, activations: Path, way: str, params: "Params"
) -> list[float]:
    """Train some epochs as the pipeline does; give the time at the end of each."""
    import numpy as np

    from vision import pictures
    from vision.features import extraction, views
    from vision.models.description import Description
    from vision.models.engine import Engine
    from vision.networks import cut, determinism
    from vision.training import finetuning
    from vision.training.checkpoint import Checkpoint

    determinism.enable()
    block = params.finetune.unfreeze_from
    epochs = EPOCHS[way]
    stored = way == "stored"
    if stored:
        lower, _ = cut.split(model, params.backbone.name, block)
        network = Engine(lower)
        views.write_views(
            network,
            subset / "train",
            VIEWS,
            params.augmentation,
            params.seed,
            activations / "train",
            0,
            np.float16,
        )
        folder = subset / "validation"
        paths = [folder / file for file in pictures.index(folder)["file"]]
        extraction.write(network, paths, activations / "validation.npy", dtype=np.float16)
    classes = sorted(path.name for path in (subset / "train").iterdir())
    ends: list[float] = []
    finetuning.fit(
        model,
        Description(classes, model.input.shape[1], params.backbone.name),
        params.finetune.model_copy(
            update={
                "epochs": epochs,
                "patience": epochs,
                "schedule": "constant",
                "batch_size": BATCH_SIZE,
            }
        ),
        LR,
        finetuning.Source(
            subset, activations if stored else None, params.augmentation, params.seed
        ),
        Checkpoint(subset / ".finetune.npz", ""),
        lambda _: ends.append(time.perf_counter()),
    )
    return ends


if __name__ == "__main__":
    run(time_way, lambda: print(*report()))
