"""Calibrate the final model, and choose the threshold below which a prediction is unsure.

Both are chosen on its predictions for the validation pictures, and measured on those for the test
pictures.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from vision.evaluation import scores
from vision.models import calibration
from vision.models.calibration import Calibration
from vision.models.description import Description, class_probabilities
from vision.params import load_params
from vision.runtime.files import write_json
from vision.runtime.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
VALIDATION = Path("data/validation_predictions.csv")
TEST = Path("data/predictions.csv")
DESCRIPTION = Path("models/finetuned.json")
CALIBRATION = Path("models/calibration.json")
METRICS = Path("metrics/calibration.json")


def main() -> None:
    params = load_params(PARAMS)
    description = Description.from_json(DESCRIPTION.read_bytes())
    labels, probabilities = read(VALIDATION, description.classes)
    temperature = calibration.fit_temperature(labels, probabilities)
    threshold = calibration.choose_threshold(
        labels, calibration.scale(probabilities, temperature), params.calibrate.most_wrong
    )
    chosen = Calibration(params.evaluate.mirror, temperature, threshold)
    write_json(asdict(chosen), CALIBRATION)
    bins = params.evaluate.calibration_bins
    measured = {
        "validation": measure(labels, probabilities, chosen, bins),
        "test": measure(*read(TEST, description.classes), chosen, bins),
    }
    write_json({"temperature": temperature, "unsure_below": threshold} | measured, METRICS)


def read(predictions: Path, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read the final model's predictions.

    Returns
    -------
    The number of each picture's class, shape (pictures,), and the probabilities, shape (pictures,
    classes).
    """
    table = pd.read_csv(predictions, dtype={"label": str}, keep_default_na=False)
    probabilities = table[[f"finetuned_{label}" for label in classes]].to_numpy()
    labels = table["label"].map(classes.index).to_numpy()
    return labels, class_probabilities(probabilities)  # they were rounded


def measure(
    labels: np.ndarray, probabilities: np.ndarray, chosen: Calibration, bins: int
) -> dict[str, float]:
    """Measure what calibration changed, and how good the predictions are that aren't unsure.

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
