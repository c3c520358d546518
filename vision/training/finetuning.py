"""Fine-tuning: the top of the convolutional base is trained jointly with the head.

F. Chollet, "Building powerful image classification models using very little data", 2016.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from natsort import natsorted

from vision import pictures
from vision.models.description import Description
from vision.networks import backbones, cut
from vision.params import Augmentation, Finetune
from vision.training import batches, loop
from vision.training.batches import Batches
from vision.training.checkpoint import Checkpoint
from vision.training.optimization import Steps
from vision.training.progress import OnEpoch


@dataclass(frozen=True)
class Source:
    """What a model is fine-tuned on.

    Attributes
    ----------
    subset : the folder of the pictures, with train and validation.
    activations : the folder of those at the cut: a file for each view of the training pictures in
        train/, and validation.npy. None: pictures are decoded, augmented anew, and run through
        the frozen blocks in every epoch.
    chosen : the indices of the training pictures to train on, if not all.
    """

    subset: Path
    activations: Path | None
    augmentation: Augmentation
    seed: int
    chosen: np.ndarray | None = None


def fit(
    model: keras.Model,
    description: Description,
    settings: Finetune,
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
        The base has no such block, or the training diverged.
    """
    block = settings.unfreeze_from
    conv_base = model.get_layer("backbone")
    backbones.unfreeze(conv_base, description.backbone, block)
    depths = backbones.depths(conv_base, description.backbone)
    steps = Steps(
        settings.schedule,
        settings.warmup,
        settings.weight_decay,
        settings.label_smoothing,
        {variable: settings.layer_decay**depth for variable, depth in depths.items()},
    )
    trained = model
    if source.activations:
        _, trained = cut.split(model, description.backbone, block)
    return loop.fit(
        trained,
        *_batches(source, description, settings.batch_size),
        settings,
        learning_rate,
        checkpoint,
        steps,
        on_epoch,
        calibrated=True,
    )


def _batches(source: Source, description: Description, size: int) -> tuple[Batches, Batches]:
    """Give what is trained on and what is validated on."""
    train, validation = (pictures.index(source.subset / name) for name in ("train", "validation"))
    if source.activations is None:
        chosen = train if source.chosen is None else train.iloc[source.chosen]
        return batches.from_pictures(
            source.subset / "train", chosen, description, size, source.augmentation, source.seed
        ), batches.from_pictures(source.subset / "validation", validation, description, size)

    def stored(
        files: list[Path], index: pd.DataFrame, seed: int | None, chosen: np.ndarray | None
    ) -> Batches:
        rows = [np.load(file, mmap_mode="r") for file in files]
        labels = index["label"].map(description.classes.index).to_numpy()
        return batches.from_features(rows, labels, size, seed, chosen)

    views = natsorted((source.activations / "train").iterdir())
    return stored(views, train, source.seed, source.chosen), stored(
        [source.activations / "validation.npy"], validation, None, None
    )
