"""Makes the final model's probabilities mean what they say, and tells which to call unsure.

Both are chosen on the validation pictures; the test pictures' stored predictions measure how well
that did.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from vision import calibration, pictures, scores
from vision.ahead import load_ahead
from vision.calibration import Calibration
from vision.description import Description, class_probabilities
from vision.litert import Network
from vision.output import write_json
from vision.params import load_params
from vision.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
VALIDATION = Path("data/subset/validation")
PREDICTIONS = Path("data/predictions.csv")
MODEL = Path("models/finetuned.tflite")
DESCRIPTION = Path("models/finetuned.json")
CALIBRATION = Path("models/calibration.json")
METRICS = Path("metrics/calibration.json")


def main() -> None:
    params = load_params(PARAMS)
    description = Description.from_json(DESCRIPTION.read_bytes())
    index = pictures.index(VALIDATION)
    labels = numbers(index["label"], description)
    probabilities = predict(
        Network(MODEL.read_bytes()),
        [VALIDATION / file for file in index["file"]],
        params.evaluate.mirror,
    )
    temperature = calibration.fit_temperature(labels, probabilities)
    threshold = calibration.choose_threshold(
        labels, calibration.scale(probabilities, temperature), params.calibrate.most_wrong
    )
    chosen = Calibration(params.evaluate.mirror, temperature, threshold)
    write_json(asdict(chosen), CALIBRATION)
    bins = params.evaluate.calibration_bins
    test = pd.read_csv(PREDICTIONS, dtype={"label": str}, keep_default_na=False)
    columns = [f"finetuned_{label}" for label in description.classes]
    of_test = class_probabilities(test[columns].to_numpy())  # they were rounded
    measured = {
        "validation": measure(labels, probabilities, chosen, bins),
        "test": measure(numbers(test["label"], description), of_test, chosen, bins),
    }
    write_json({"temperature": temperature, "unsure_below": threshold} | measured, METRICS)


def numbers(labels: pd.Series, description: Description) -> np.ndarray:
    """Give the number of each label's class."""
    return labels.map(description.classes.index).to_numpy()


def predict(network: Network, paths: list[Path], mirror: bool) -> np.ndarray:
    """Give the probabilities of each class as `evaluate` does, shape (pictures, classes).

    Parameters
    ----------
    mirror : whether to give the mean of those of the pictures and of their mirror images.
    """

    def compute(path: Path) -> np.ndarray:
        picture = pictures.load(path, network.image_size)
        views = np.stack([picture, picture[:, ::-1]] if mirror else [picture])
        return class_probabilities(network(views)).mean(axis=0)

    rows = load_ahead(compute, paths)
    return np.stack(list(tqdm(rows, "validation", len(paths), unit="picture", disable=None)))


def measure(
    labels: np.ndarray, probabilities: np.ndarray, chosen: Calibration, bins: int
) -> dict[str, float]:
    """Tell what calibrating changed, and how good the predictions are that aren't unsure.

    Returns
    -------
    loss and calibration_error as they were and calibrated; unsure, the share of pictures; and
    the accuracy of the others with its 95 % interval, where there are any.
    """
    calibrated = chosen.apply(probabilities)
    sure = ~chosen.is_unsure(calibrated)
    correct = int((calibrated.argmax(axis=1) == labels)[sure].sum())
    figures = {
        "loss_before": scores.cross_entropy(labels, probabilities),
        "loss": scores.cross_entropy(labels, calibrated),
        "calibration_error_before": scores.calibration_error(labels, probabilities, bins),
        "calibration_error": scores.calibration_error(labels, calibrated, bins),
        "unsure": 1 - float(sure.mean()),
    }
    if not sure.any():
        return figures
    low, high = scores.accuracy_interval(correct, int(sure.sum()))
    return figures | {
        "sure_accuracy": correct / int(sure.sum()),
        "sure_accuracy_low": low,
        "sure_accuracy_high": high,
    }


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
