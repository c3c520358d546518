"""Trains heads that differ by luck alone, averages some of them, and measures both.

The average is of the logarithms of the probabilities, which one head of averaged weights gives as
well where there is no hidden layer. Its cross-entropy is at most the mean of its heads', whatever
the pictures, since cross-entropy is convex in them; the study tells by how much it is less.
Measured are the validation pictures; the test pictures are left alone.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from studies.params import Params
from vision.evaluation import scores
from vision.models.description import class_probabilities
from vision.networks import determinism
from vision.networks.extractor import build_extractor
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.files import write_json
from vision.runtime.program import run
from vision.training import heads
from vision.training.stored_features import Stored

PIPELINE_PARAMS = Path("params.yaml")
PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
WEIGHTS = Path("data/weights")
FEATURES = Path("data/features")
VIEWS = Path("data/views")
METRICS = Path("metrics/studies/ensembles.json")


def main() -> None:
    params = load_params(PIPELINE_PARAMS)
    study = load_params(PARAMS, Params)
    determinism.enable()
    extractor = build_extractor(params.backbone, WEIGHTS)
    stored = Stored(FEATURES, VIEWS)
    _, labels = np.unique(stored.labels("validation"), return_inverse=True)
    (rows,) = stored.rows("validation")

    def predicted(seed: int) -> np.ndarray:
        whole, *_ = heads.fit(extractor, params.backbone.name, stored, params.train_head, seed)
        return class_probabilities(whole.get_layer("head").predict(rows, verbose=0))

    count, size = study.ensembles.ensembles, study.ensembles.heads
    first = params.seed
    each = np.array([predicted(first + n) for n in range(count * size)])
    ensembles = [average(some) for some in np.split(each, count)]
    write_json(
        {
            "backbone": params.backbone.name,
            "heads": size,
            "one": summarise(labels, each),
            "ensemble": summarise(labels, ensembles),
        },
        METRICS,
    )
    environment.note("studies: ensembles", ENVIRONMENT)


def average(heads: np.ndarray) -> np.ndarray:
    """Average heads' probabilities, by their logarithms.

    Parameters
    ----------
    heads : shape (heads, pictures, classes).

    Returns
    -------
    Probabilities, shape (pictures, classes).
    """
    least = np.finfo(heads.dtype).tiny
    return softmax(np.log(np.maximum(heads, least)).mean(axis=0), axis=-1)


def summarise(labels: np.ndarray, predictions: Iterable[np.ndarray]) -> dict[str, float]:
    """Give the mean and the standard deviation (_sd) of the loss and the accuracy of several."""
    measured = pd.DataFrame(
        {"loss": scores.cross_entropy(labels, one), "accuracy": scores.accuracy(labels, one)}
        for one in predictions
    )
    mean, deviation = measured.mean(), measured.std(ddof=1).add_suffix("_sd")
    return pd.concat([mean, deviation]).to_dict()


if __name__ == "__main__":
    run(main)
