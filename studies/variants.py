"""Fine-tunes in another way, from several heads, and measures on the validation pictures.

    python -m studies.variants warm-up

The test pictures are not looked at: by these figures the settings of the pipeline are chosen.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from natsort import natsorted

from studies.params import Params, Variant
from vision import (
    determinism,
    environment,
    feature_batches,
    features,
    finetuning,
    heads,
    models,
    training,
)
from vision.errors import UserError
from vision.output import write_json
from vision.params import Finetune, TrainHead, load_params
from vision.program import run

PIPELINE_PARAMS = Path("params.yaml")
PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
WEIGHTS = Path("data/weights")
FEATURES = Path("data/features")
VIEWS = Path("data/views")
ACTIVATIONS = Path("data/activations")
METRICS = Path("metrics/studies/variants")


def main() -> None:
    name = sys.argv[1]
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    if not params.activations.views:
        raise UserError("activations.views = 0 stores nothing to train from; set it to 1 or more")
    variant = study.variants.settings[name]
    settings = with_changes(params.finetune, variant)
    determinism.enable()
    extractor = features.build_extractor(params.backbone, WEIGHTS)
    start = extractor.get_weights()
    measured = {}
    for seed in range(params.seed, params.seed + study.variants.seeds):
        extractor.set_weights(start)
        model, description = with_head(extractor, params.train_head, seed, params.backbone.name)
        source = finetuning.Source(SUBSET, ACTIVATIONS, params.augmentation, seed)
        _, measured[seed] = finetuning.fit(
            model, description, settings, variant.lr or params.lr, source
        )
    write_json(
        {"set": variant.model_dump(exclude_none=True), "seeds": measured}, METRICS / f"{name}.json"
    )
    environment.note(f"studies: variants {name}", ENVIRONMENT)


def with_changes(settings: Finetune, variant: Variant) -> Finetune:
    """Put what a variant sets in the place of the pipeline's own.

    Raises
    ------
    ValueError
        A value is out of range.
    """
    changes = variant.model_dump(exclude_none=True, exclude={"lr"})
    return Finetune.model_validate(settings.model_dump() | changes)


def with_head(
    extractor: keras.Model, settings: TrainHead, seed: int, backbone: str
) -> tuple[keras.Model, models.Description]:
    """Train a head as the pipeline does, with a seed of its own."""
    index = {
        split: pd.read_csv(FEATURES / f"{split}.csv", dtype=str, keep_default_na=False)
        for split in ("train", "validation")
    }
    classes = sorted(index["train"]["label"].unique())

    def batches(split: str, files: list[Path], shuffle_seed: int | None) -> training.Batches:
        rows = [np.load(file, mmap_mode="r") for file in (FEATURES / f"{split}.npy", *files)]
        labels = index[split]["label"].map(classes.index).to_numpy()
        return feature_batches.of(rows, labels, settings.batch_size, shuffle_seed)

    head = heads.build_head(extractor.output.shape[1], len(classes), settings, seed)
    training.fit(
        head,
        batches("train", natsorted(VIEWS.iterdir()), seed),
        batches("validation", [], None),
        settings,
        settings.learning_rate,
        steps=training.Steps(settings.schedule),
    )
    whole = keras.Model(extractor.input, head(extractor.output), name="classifier")
    return whole, models.Description(classes, extractor.input.shape[1], backbone)


if __name__ == "__main__":
    run(main)
