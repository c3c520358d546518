"""Times what is done on stored features: a head's training, its penalty, its cross-validation.

    python -m benchmarks.head

After a run. The seconds are the work's own, without start-up. The plain way of training is
`model.fit` on the same head and features, with the same falling rate and early stopping.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tabulate import tabulate

from benchmarks.side_by_side import PLAIN, measure, run

PARAMS = Path("params.yaml")
STUDY = Path("studies/params.yaml")
SUBSET = Path("data/subset")
FEATURES = Path("data/features")
BY_ADAM, BY_LBFGS, STUDIES = "adam", "lbfgs", "studies"
ADAM = {
    "dropout": 0.2,
    "l2": 1e-4,
    "optimizer": "adam",
    "schedule": "cosine",
    "epochs": 60,
    "patience": 6,
}
STRENGTHS = [1e-4, 3e-4, 1e-3]
LBFGS = {"dropout": 0, "l2": STRENGTHS, "optimizer": "lbfgs", "epochs": 200, "patience": 20}
SETTINGS = {PLAIN: ADAM, BY_ADAM: ADAM, BY_LBFGS: LBFGS}


def report() -> Iterator[str]:
    """Measure all of it, and give a table."""
    found = measure("benchmarks.head", (*SETTINGS, STUDIES))
    plain = found[PLAIN]["seconds"]
    adam, lbfgs = found[BY_ADAM], found[BY_LBFGS]
    told = f"{adam['pictures']:,.0f} pictures × {adam['features']:,.0f} features"
    epochs = f"{adam['epochs']:.0f} epochs (plain: {found[PLAIN]['epochs']:.0f})"
    rows = [
        [f"the head by Adam, {epochs}, {told}", adam["seconds"], plain],
        [f"by L-BFGS, {len(STRENGTHS)} strengths of the L2 penalty", lbfgs["seconds"], plain],
        *([name, seconds, None] for name, seconds in found[STUDIES].items()),
    ]
    rows = [[*row, row[1] / plain if row[2] else None] for row in rows]
    header = ["work", "this project, s", "plain, s", "ours / plain"]
    yield tabulate(rows, header, tablefmt="github", floatfmt=("", ".1f", ".1f", ".2f"))


def time_way(way: str) -> dict[str, float]:
    """Time one way in this process, which has imported nothing large yet."""
    with tempfile.TemporaryDirectory() as views:
        if way == STUDIES:
            return studies(Path(views))
        return head(way, Path(views))


def head(way: str, views: Path) -> dict[str, float]:
    """Train the pipeline's head, by the pipeline's loop or by Keras' own."""
    import keras
    import numpy as np

    from benchmarks.plain import falling
    from vision.networks import determinism
    from vision.params import load_params
    from vision.training import heads
    from vision.training.stored_features import Stored

    params = load_params(PARAMS)
    stored = Stored(FEATURES, views)
    settings = params.train_head.model_copy(update=SETTINGS[way])
    rows = {split: stored.rows(split)[0] for split in ("train", "validation")}
    inputs = keras.Input(rows["train"].shape[1:])
    if way != PLAIN:
        determinism.enable()
        # Nothing lies below the head: an extractor that gives what it gets.
        start = time.perf_counter()
        _, _, _, summary = heads.fit(
            keras.Model(inputs, keras.layers.Identity()(inputs)),
            params.backbone.name,
            stored,
            settings,
            params.seed,
        )
        seconds = time.perf_counter() - start
        pictures, features = rows["train"].shape
        epochs = summary["epochs"]
        return {
            "seconds": seconds,
            "pictures": pictures,
            "features": features,
            "epochs": epochs,
        }
    names, labels = np.unique(stored.labels("train"), return_inverse=True)
    of_validation = np.searchsorted(names, stored.labels("validation"))
    model = heads.build_head(rows["train"].shape[1], len(names), settings, params.seed)
    loss = "binary_crossentropy" if len(names) == 2 else "sparse_categorical_crossentropy"
    start = time.perf_counter()
    optimizer = falling(settings.learning_rate, settings.epochs, len(labels), settings.batch_size)
    model.compile(optimizer, loss, metrics=["accuracy"])
    history = model.fit(
        np.array(rows["train"]),
        labels,
        settings.batch_size,
        settings.epochs,
        validation_data=(np.array(rows["validation"]), of_validation),
        callbacks=[keras.callbacks.EarlyStopping(patience=settings.patience)],
        verbose=0,
    )
    return {"seconds": time.perf_counter() - start, "epochs": len(history.epoch)}


def studies(views: Path) -> dict[str, float]:
    """Time the path of the penalty, the cross-validation, and the heads of the learning curve."""
    import numpy as np

    from studies import cross_validate, folds, logistic, train_heads
    from studies.params import Params
    from vision import pictures
    from vision.audit import duplicates
    from vision.params import load_params
    from vision.training.stored_features import Stored

    params = load_params(PARAMS)
    study = load_params(STUDY, Params)
    stored = Stored(FEATURES, views)
    rows = {split: stored.rows(split) for split in pictures.SPLITS}
    classes = sorted(set(stored.labels("train")))
    labels = {split: np.array([classes.index(k) for k in stored.labels(split)]) for split in rows}
    everything = np.arange(len(labels["train"]))
    seconds = {}

    start = time.perf_counter()
    strengths = study.l2
    list(logistic.fit(rows["train"], labels["train"], everything, rows["validation"][0], strengths))
    seconds[f"{len(strengths)} strengths of the L2 penalty"] = time.perf_counter() - start

    start = time.perf_counter()
    both = folds.SPLITS
    index = np.concatenate([folds.read_index(split)["path"] for split in both])
    x = np.concatenate([rows[split][0] for split in both])
    y = np.concatenate([labels[split] for split in both])
    digests = [pictures.digest(SUBSET / file) for file in index]
    groups = duplicates.group(digests, x, study.cross_validate.similarity)
    count = study.cross_validate.folds
    cut = folds.folds(y, groups, count, 1, params.seed)
    cross_validate.cross_validate([x], y, cut, strengths)
    seconds[f"{count}-fold cross-validation, {len(y):,} pictures, all strengths"] = (
        time.perf_counter() - start
    )

    start = time.perf_counter()
    sizes = [size for size in study.learning_curve.sizes if 2 * size <= len(everything)]
    heads = 0
    for size in sizes:
        drawn = train_heads.different(
            stored.labels("train"), size, study.learning_curve.draws, params.seed
        )
        heads += len(drawn)
        for chosen in drawn:
            train_heads.measure(rows, labels, chosen, strengths)
    seconds[f"the learning curve's {heads} heads, {len(sizes)} sizes, all strengths"] = (
        time.perf_counter() - start
    )
    return seconds


if __name__ == "__main__":
    run(time_way, lambda: print(*report()))
