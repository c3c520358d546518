"""Times an epoch of fine-tuning against the plain way, on the same network, pictures and blocks.

    python -m benchmarks.finetuning

After a run. The plain way is `model.fit` from pixels, with augmentation layers and TensorFlow's own
defaults; `fresh` is this project's way with `finetune.views: 0`, `stored` with stored views. An
epoch is one pass over the training pictures and one over the validation pictures; the first one of
each process, which compiles, isn't timed.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.document import markdown
from benchmarks.project import FEATURES, PARAMS, SUBSET, WEIGHTS, lay_out
from benchmarks.side_by_side import PLAIN, between, measure, run

if TYPE_CHECKING:
    import keras

    from vision.params import Params

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
    """Measure all ways, and yield a table."""
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
    yield markdown(rows, header)


def time_way(way: str, network: str, size: str, block: str) -> dict[str, float]:
    """Time one way in this process, which has imported nothing large yet."""
    import keras

    from vision.networks import backbones, parts
    from vision.networks.extractor import build_extractor
    from vision.params import load_params
    from vision.training import heads

    params = load_params(PARAMS)
    backbone = params.backbone.model_copy(
        update={"name": network, "image_size": int(size), "weights": "imagenet"}
    )
    params = params.model_copy(update={"backbone": backbone})
    extractor = build_extractor(params.backbone, WEIGHTS)
    # It is not trained before.
    of_head = params.train_head.model_copy(update={"standardize": False, "l2": 0.0})
    head = heads.build_head(extractor.output.shape[1], 2, of_head, params.seed)
    model = keras.Model(extractor.input, head(extractor.output))
    with tempfile.TemporaryDirectory() as folder:
        subset = Path(folder) / "subset"
        for split, most in MOST.items():
            lay_out(SUBSET / split, subset / split, most)
        if way == PLAIN:
            backbones.unfreeze(parts.conv_base(model), params.backbone.name, block)
            ends, megabytes = plain(model, subset), 0.0
        else:
            ends, megabytes = ours(model, subset, Path(folder) / "activations", way, block, params)
    pictures = VIEWS * 2 * MOST["train"] + 2 * MOST["validation"]
    return {"epoch_seconds": between(ends), "megabytes": megabytes / pictures * 1000}


def plain(model: "keras.Model", subset: Path) -> list[float]:
    """Train as the books do; return the time at the end of each epoch."""
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
    model: "keras.Model", subset: Path, activations: Path, way: str, block: str, params: "Params"
) -> tuple[list[float], float]:
    """Train some epochs as the pipeline does.

    Returns
    -------
    The time at the end of each, and the MB that the activations take meanwhile.
    """
    from vision.models.description import Description
    from vision.networks import determinism
    from vision.training import finetuning
    from vision.training.checkpoint import Checkpoint

    determinism.enable()
    epochs = EPOCHS[way]
    classes = sorted(path.name for path in (subset / "train").iterdir())
    ends: list[float] = []
    stored: list[int] = []

    def note(_: object) -> None:
        if not ends:
            stored.extend(path.stat().st_size for path in activations.rglob("*.npy"))
        ends.append(time.perf_counter())

    finetuning.fit(
        model,
        Description(classes, model.input.shape[1], params.backbone.name),
        params.finetune.model_copy(
            update={
                "views": VIEWS if way == "stored" else 0,
                "epochs": epochs,
                "patience": epochs,
                "schedule": "constant",
                "batch_size": BATCH_SIZE,
            }
        ),
        block,
        LR,
        finetuning.Source(
            subset,
            FEATURES,
            activations,
            store_gb=0,
            augmentation=params.augmentation,
            seed=params.seed,
        ),
        Checkpoint(subset / ".finetune.npz", ""),
        note,
    )
    return ends, sum(stored) / 1e6


if __name__ == "__main__":
    run(time_way, lambda: print(*report()))
