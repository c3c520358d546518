"""Fine-tunes in another way, from several heads, and measures on the validation pictures.

    python -m studies.variants warm-up

The test pictures are not looked at: by these figures the settings of the pipeline are chosen.
"""

import sys
import tempfile
from pathlib import Path

import keras

from studies.params import Params, with_changes
from vision.models import saving
from vision.models.description import Description
from vision.networks import determinism
from vision.networks.extractor import build_extractor
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.errors import UserError
from vision.runtime.files import write_json
from vision.runtime.program import run
from vision.training import finetuning, heads
from vision.training.stored_features import Stored

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
    extractor = build_extractor(params.backbone, WEIGHTS)
    start = extractor.get_weights()
    stored = Stored(FEATURES, VIEWS)
    measured = {}
    for seed in range(params.seed, params.seed + study.variants.seeds):
        extractor.set_weights(start)
        model, description, *_ = heads.fit(
            extractor, params.backbone.name, stored, params.train_head, seed
        )
        model = read_anew(model, description)
        source = finetuning.Source(SUBSET, ACTIVATIONS, params.augmentation, seed)
        _, measured[seed] = finetuning.fit(
            model, description, settings, variant.lr or params.lr, source
        )
    write_json(
        {"set": variant.model_dump(exclude_unset=True), "seeds": measured}, METRICS / f"{name}.json"
    )
    environment.note(f"studies: variants {name}", ENVIRONMENT)


def read_anew(model: keras.Model, description: Description) -> keras.Model:
    """Give a model as the pipeline's fine-tuning finds it, with its dropout at the beginning."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.keras"
        saving.save(model, description, path)
        return saving.load(path)[0]


if __name__ == "__main__":
    run(main)
