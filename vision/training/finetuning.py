"""Fine-tuning: the top of the convolutional base is trained jointly with the head.

F. Chollet, "Building powerful image classification models using very little data", 2016. How much
of the top is found by gradual unfreezing: J. Howard and S. Ruder, "Universal language model
fine-tuning for text classification", ACL 2018.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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

_AT_ONCE = 256  # pictures whose features a head takes


@dataclass(frozen=True)
class Source:
    """What a model is fine-tuned on.

    Attributes
    ----------
    subset : the folder of the pictures, with train and validation.
    features : the file of those of the validation pictures.
    activations : the folder for those at the cut, while a block is trained.
    store_gb : the disk that the store of rows may take; 0: none.
    chosen : the indices of the training pictures to train on, if not all.
    """

    subset: Path
    features: Path
    activations: Path
    store_gb: float
    augmentation: Augmentation
    seed: int
    chosen: np.ndarray | None = None


def unfreeze_gradually(
    model: keras.Model,
    description: Description,
    settings: Finetune,
    learning_rate: float,
    source: Source,
    checkpoint: Callable[[str], Checkpoint | None] = lambda block: None,
    on_epoch: OnEpoch | None = None,
) -> tuple[pd.DataFrame, dict[str, object], str | None]:
    """Train from one block after another, each from the best weights so far, while it pays.

    A block from which no epoch lowers the validation loss is the last one. None is tried where the
    head gets so few validation pictures wrong that they can't tell what is better. The model is
    left with the best weights of all. In all losses, `finetune.class_weight` says what a picture
    counts; in those of validation by the validation pictures' own numbers.

    Parameters
    ----------
    checkpoint : gives that of the training from a block.
    on_epoch : called after each epoch, with the history so far.

    Returns
    -------
    The history and the summary of `loop.fit`, of all blocks one after the other, the summary with
    that of each block that was tried, by its name, as `blocks`; and the lowest block that was
    trained to any effect, or None.

    Raises
    ------
    UserError
        The base has no such block, or one lies above the one before it; a training diverged, or
        the disk has too little room.
    """
    _check_order(model, description, settings.blocks)
    best = before = _measure_head(model, description, settings, source)
    parts: list[pd.DataFrame] = []  # the history, by blocks
    tried: dict[str, dict[str, float | int]] = {}
    best_epoch, lowest = 0, None
    for block in _to_try(settings, before, source):
        print(f"training from {block} on", flush=True)
        epochs, tried[block] = fit(
            model,
            description,
            settings,
            block,
            learning_rate,
            source,
            checkpoint(block),
            on_epoch and (lambda epochs: on_epoch(_joined([*parts, epochs]))),
        )
        earlier = sum(map(len, parts))
        parts.append(epochs)
        if not tried[block]["best_epoch"]:
            break
        best, best_epoch, lowest = tried[block], earlier + tried[block]["best_epoch"], block
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


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one history of several, its epochs numbered from 1."""
    if not parts:
        return pd.DataFrame(columns=HISTORY)
    return pd.concat(parts, ignore_index=True).assign(epoch=lambda rows: rows.index + 1)


def _check_order(model: keras.Model, description: Description, blocks: Sequence[str]) -> None:
    """Refuse, before hours of training, what is no block, and blocks that don't go down."""
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


def _to_try(settings: Finetune, before: Mapping[str, float], source: Source) -> list[str]:
    """Name the blocks to try; say so where the validation pictures can't choose."""
    count = len(pictures.index(source.subset / "validation"))
    wrong = count - round(before["validation_accuracy"] * count)
    if not settings.epochs:
        return []
    if wrong < settings.least_wrong:
        print(
            f"not fine-tuned: the head gets {wrong} of {count:,} validation pictures wrong, too "
            f"few to tell what is better (finetune.least_wrong = {settings.least_wrong})",
            flush=True,
        )
        return []
    return settings.blocks


def _measure_head(
    model: keras.Model, description: Description, settings: Finetune, source: Source
) -> dict[str, float]:
    """Give the validation loss and accuracy of a model whose base is as it was for its features."""
    _, head = cut.split(model, description.backbone, None)
    _, index = _indices(settings, source)
    validation = batches.from_features(
        [np.load(source.features)],
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
    """Give the indices of the pictures to train and to validate on.

    sample_weight, besides, is what each counts in the loss.
    """
    train, validation = (pictures.index(source.subset / name) for name in ("train", "validation"))
    chosen = train if source.chosen is None else train.iloc[source.chosen]
    found = []
    for index in (chosen, validation):
        given = index["weight"].to_numpy() if "weight" in index else np.ones(len(index))
        weights = optimization.sample_weights(settings.class_weight, index["label"], given)
        found.append(index.assign(sample_weight=weights))
    return found
