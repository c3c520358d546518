"""Cross-validates the head on another backbone, or on pictures of another size.

    python -m studies.backbones 300-px

Nested, in the folds of studies.nested, which are the same for each backbone, so that two of them
can be compared fold by fold. The test pictures are left alone.
"""

import dataclasses
import sys
from functools import partial
from pathlib import Path

from studies import held_out, together
from studies.params import Params, with_changes
from vision import determinism, environment, features
from vision.engine import Engine
from vision.inference import MIRRORED
from vision.output import write_json
from vision.params import load_params
from vision.program import run

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
    extractor = features.build_extractor(backbone, WEIGHTS)
    network = Engine(extractor)
    both = together.read(study.cross_validate.groups, study.cross_validate.similarity)
    changes = {"pictures": None} | ({"mirror images": MIRRORED} if params.evaluate.mirror else {})
    views = [
        held_out.run_base(network, both.paths, progress, params.store.max_gb, named)
        for progress, named in changes.items()
    ]
    both = dataclasses.replace(both, features=views[0])
    predict = partial(
        held_out.predict, extractor, backbone.name, params.train_head, params.seed, views
    )
    measured = held_out.validate(
        both,
        study.nested.folds,
        study.nested.parts,
        study.nested.repeats,
        params.seed,
        predict,
    )
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
