"""Cross-validates ways to train the head, with the choices of each made in folds of their own.

The test pictures are left alone.
"""

from functools import partial
from pathlib import Path

import pandas as pd

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
METRICS = Path("metrics/studies/nested.json")


def main() -> None:
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    determinism.enable()
    extractor = build_extractor(params.backbone, WEIGHTS)
    both = folds.read(study.cross_validate.groups, study.cross_validate.similarity)
    ways = study.nested.settings
    views = [both.features]
    if any(ways[name].mirror for name in ways):
        network, store_gb = Engine(extractor), params.store.max_gb
        views += nested_cv.run_base(network, both.paths, store_gb, {"mirror images": MIRRORED})
    measured = {}
    for name in ways:
        predict = partial(
            nested_cv.predict,
            extractor,
            params.backbone.name,
            with_changes(params.train_head, ways[name]),
            params.seed,
            views if ways[name].mirror else views[:1],
        )
        cuts = (study.nested.folds, study.nested.parts, study.nested.repeats)
        measured[name] = nested_cv.validate(both, *cuts, params.seed, predict)
    write_json(
        {
            "backbone": params.backbone.name,
            "pictures": len(both.labels),
            "folds": study.nested.folds,
            "repeats": study.nested.repeats,
            "ways": summarise(measured),
        },
        METRICS,
    )
    environment.note("studies: nested", ENVIRONMENT)


def summarise(measured: dict[str, pd.DataFrame]) -> dict[str, dict[str, float | int]]:
    """Sum up each way, and how its loss differs from the first one's, fold by fold.

    Returns
    -------
    By the way: wrong, of so many pictures; loss, its mean over the folds; and difference and
    difference_sd, mean and standard deviation over the folds.
    """
    first = next(iter(measured.values()))
    summary = {}
    for name, table in measured.items():
        difference = table["loss"] - first["loss"]
        summary[name] = {
            "wrong": int(table["wrong"].sum()),
            "pictures": int(table["pictures"].sum()),
            "loss": float(table["loss"].mean()),
            "difference": float(difference.mean()),
            "difference_sd": float(difference.std(ddof=1)),
        }
    return summary


if __name__ == "__main__":
    run(main)
