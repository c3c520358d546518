"""Train the top of a convolutional base jointly with the head, block by block.

F. Chollet, "Building powerful image classification models using very little data", 2016. How much
of the top is found by gradual unfreezing: J. Howard and S. Ruder, "Universal language model
fine-tuning for text classification", ACL 2018.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from vision import pictures
from vision.features import activations
from vision.models.description import Description
from vision.models.engine import Engine
from vision.networks import backbones, cut, parts
from vision.params import Augmentation, Finetune
from vision.runtime.errors import UserError
from vision.training import batches, loop, optimization
from vision.training.batches import Batches
from vision.training.checkpoint import Checkpoint
from vision.training.progress import HISTORY, OnEpoch
from vision.training.stored_features import Stored

_AT_ONCE = 256  # pictures whose features a head takes


@dataclass(frozen=True)
class Source:
    """What a model is fine-tuned on.

    Attributes
    ----------
    subset : the folder of the pictures, with train and validation.
    stored : the features of those pictures, by the model as it is.
    activations : the folder for those at the cut, while a block is trained.
    store_gb : the disk that the store of rows may take; 0: none.
    chosen : the indices of the training pictures to train on, if not all.
    """

    subset: Path
    stored: Stored
    activations: Path
    store_gb: float
    augmentation: Augmentation
    seed: int
    chosen: np.ndarray | None = None


def unfreeze_gradually(
    model: keras.Model,
    description: Description,
    settings: Finetune,
    rates: Sequence[float],
    source: Source,
    checkpoint: Callable[[str], Checkpoint | None] = lambda name: None,
    on_epoch: OnEpoch | None = None,
) -> tuple[pd.DataFrame, dict[str, object], str | None]:
    """Train from one block after another, each from the best weights so far, while it pays.

    From each, at one learning rate after another until an epoch lowers the validation loss. A block
    from which none does is the last one; a training that diverges is left out. The model is left
    with the best weights of all.

    Parameters
    ----------
    checkpoint : gives that of a training by its name.
    on_epoch : called after each epoch, with the history so far.

    Returns
    -------
    The history and the summary of `loop.fit`, of all trainings one after the other, the summary
    with that of each block that was tried, by its name, as `blocks`; and the lowest block that was
    trained to any effect, or None.

    Raises
    ------
    UserError
        All trainings diverged, or the disk has too little room.
    """
    best = before = measure_head(model, description, settings, source)
    parts: list[pd.DataFrame] = []  # the history, by trainings
    tried: dict[str, dict[str, float | int]] = {}
    best_epoch, lowest = 0, None
    for block in settings.blocks:
        for rate in rates:
            print(f"training from {block} on, at a learning rate of {rate:g}", flush=True)
            as_it_was = model.get_weights()
            try:
                epochs, summary = fit(
                    model,
                    description,
                    settings,
                    block,
                    rate,
                    source,
                    checkpoint(f"{block}-{rate!r}"),
                    on_epoch and (lambda epochs: on_epoch(_joined([*parts, epochs]))),
                )
            except loop.DivergedError as diverged:
                if rate == rates[-1] and not parts:
                    raise
                print(f"left out: {diverged}", flush=True)
                model.set_weights(as_it_was)
                continue
            earlier = sum(map(len, parts))
            parts.append(epochs)
            tried[block] = summary | {"learning_rate": rate}
            if summary["best_epoch"]:
                break
        else:
            break
        best, best_epoch, lowest = summary, earlier + summary["best_epoch"], block
    history = _joined(parts)
    measures = ("validation_loss", "validation_accuracy")
    summary = {
        "epochs": len(history),
        "best_epoch": best_epoch,
        **{name: best[name] for name in measures},
        **{f"{name}_before": before[name] for name in measures},
        "blocks": tried,
    }
    return history, summary, lowest


def learning_rates(lr: float | list[float]) -> list[float]:
    """Return those to try one after the other."""
    return lr if isinstance(lr, list) else [lr]


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one history of several, its epochs numbered from 1."""
    if not parts:
        return pd.DataFrame(columns=HISTORY)
    return pd.concat(parts, ignore_index=True).assign(epoch=lambda rows: rows.index + 1)


def check_order(model: keras.Model, description: Description, blocks: Sequence[str]) -> None:
    """Refuse, before hours of training, what is no block, and blocks that don't go down.

    Raises
    ------
    UserError
        The base has no such block, or one lies above the one before it.
    """
    conv_base = parts.conv_base(model)
    trained = {}
    for block in blocks:
        backbones.unfreeze(conv_base, description.backbone, block)
        trained[block] = len(conv_base.trainable_variables)
    conv_base.trainable = False  # as it was
    downwards = sorted(blocks, key=trained.get)
    if downwards != list(blocks):
        raise UserError(
            f"finetune.unfreeze_from = [{', '.join(blocks)}] does not go from the head down; "
            f"write [{', '.join(downwards)}]"
        )


def measure_head(
    model: keras.Model, description: Description, settings: Finetune, source: Source
) -> dict[str, float]:
    """Give the validation loss and accuracy of a model whose base is as it was for its features."""
    _, head = cut.split(model, description.backbone, None)
    index = weighted_index(settings, source, "validation")
    validation = batches.from_features(
        source.stored.rows("validation"),
        index["label"].map(description.classes.index).to_numpy(),
        _AT_ONCE,
        None,
        sample_weights=index["sample_weight"].to_numpy(),
    )
    return loop.calibrated_measures(head, validation)()


def fit(
    model: keras.Model,
    description: Description,
    settings: Finetune,
    block: str,
    learning_rate: float,
    source: Source,
    checkpoint: Checkpoint | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[pd.DataFrame, dict[str, float | int]]:
    """Train a block of a model's base and all above it; leave the model with the best weights.

    `checkpoint` and `on_epoch` are those of `loop.fit`.

    Returns
    -------
    The history and the summary of `loop.fit`.

    Raises
    ------
    UserError
        The base has no such block, the training diverged, or the disk has too little room.
    """
    conv_base = parts.conv_base(model)
    backbones.unfreeze(conv_base, description.backbone, block)
    given = (
        _from_activations(model, description, settings, block, source)
        if settings.views
        else _from_pictures(model, description, settings, source)
    )
    with given as (trained, train, validation):
        return loop.fit(
            trained,
            train,
            validation,
            settings,
            learning_rate,
            checkpoint,
            on_epoch,
            calibrated=True,
        )


Given = Iterator[tuple[keras.Model, Batches, Batches]]


@contextmanager
def _from_pictures(
    model: keras.Model, description: Description, settings: Finetune, source: Source
) -> Given:
    """Give the whole model, and the pictures: in every epoch decoded, augmented anew, and run."""
    train, validation = _indices(settings, source)
    yield (
        model,
        batches.from_pictures(
            source.subset / "train",
            train,
            description,
            settings.batch_size,
            source.augmentation,
            source.seed,
            train["sample_weight"].to_numpy(),
        ),
        batches.from_pictures(
            source.subset / "validation",
            validation,
            description,
            settings.batch_size,
            sample_weights=validation["sample_weight"].to_numpy(),
        ),
    )


@contextmanager
def _from_activations(
    model: keras.Model, description: Description, settings: Finetune, block: str, source: Source
) -> Given:
    """Give the model from a block on, and what enters there, of each epoch the next view."""
    lower, upper = cut.split(model, description.backbone, block)
    train, validation = _indices(settings, source)
    labels = [
        index["label"].map(description.classes.index).to_numpy() for index in (train, validation)
    ]
    weights = [index["sample_weight"].to_numpy() for index in (train, validation)]
    size = settings.batch_size
    with activations.stored(
        Engine(lower),
        (source.subset / "train", train["file"]),
        [source.subset / "validation" / file for file in validation["file"]],
        settings.views,
        source.augmentation,
        source.seed,
        source.activations,
        source.store_gb,
    ) as (views, of_validation):
        yield (
            upper,
            batches.from_features(views, labels[0], size, source.seed, None, weights[0]),
            batches.from_features([of_validation], labels[1], size, None, None, weights[1]),
        )


def _indices(settings: Finetune, source: Source) -> list[pd.DataFrame]:
    """Give the indices of the pictures to train and to validate on."""
    return [weighted_index(settings, source, split) for split in ("train", "validation")]


def weighted_index(settings: Finetune, source: Source, split: str) -> pd.DataFrame:
    """Give the index of the pictures of a split that count; sample_weight is how much."""
    index = pictures.index(source.subset / split)
    if split == "train" and source.chosen is not None:
        index = index.iloc[source.chosen]
    given = index["weight"].to_numpy() if "weight" in index else np.ones(len(index))
    weights = optimization.sample_weights(settings.class_weight, index["label"], given)
    return index.assign(sample_weight=weights)
