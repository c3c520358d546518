"""Cross-validates the head on another backbone, or on pictures of another size.

    python -m studies.backbones 300-px

Nested, in the folds of studies.nested, which are the same for each backbone, so that two of them
can be compared fold by fold. The test pictures are left alone.
"""

import dataclasses
import sys
from functools import partial
from pathlib import Path

from studies import folds, nested_cv
from studies.params import Params, with_changes
from vision.evaluation.inference import MIRRORED
from vision.models.engine import Engine
from vision.networks import determinism
from vision.networks.extractor import build_extractor
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.files import write_json
from vision.runtime.program import run

PIPELINE_PARAMS = Path("params.yaml")
PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
WEIGHTS = Path("data/weights")
METRICS = Path("metrics/studies/backbones")


def main() -> None:
    name = sys.argv[1]
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    variant = study.backbones.settings[name]
    backbone = with_changes(params.backbone, variant)
    determinism.enable()
    extractor = build_extractor(backbone, WEIGHTS)
    both = folds.read(study.cross_validate.groups, study.cross_validate.similarity)
    changes = {"pictures": None} | ({"mirror images": MIRRORED} if params.evaluate.mirror else {})
    views = nested_cv.run_base(Engine(extractor), both.paths, params.store.max_gb, changes)
    both = dataclasses.replace(both, features=views[0])
    predict = partial(
        nested_cv.predict, extractor, backbone.name, params.train_head, params.seed, views
    )
    cuts = (study.nested.folds, study.nested.parts, study.nested.repeats)
    measured = nested_cv.validate(both, *cuts, params.seed, predict)
    write_json(
        {
            "set": variant.model_dump(exclude_unset=True),
            "repeats": study.nested.repeats,
            "folds": measured.to_dict("list"),
        },
        METRICS / f"{name}.json",
    )
    environment.note(f"studies: backbones {name}", ENVIRONMENT)


if __name__ == "__main__":
    run(main)
