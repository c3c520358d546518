"""Measure the head and the fine-tuned model on the test pictures, and draw curves and mistakes.

Their predictions for the validation pictures are written for `calibrate`.

The augmentation is drawn here and not in fine-tuning, so that a change of how figures look
trains nothing anew.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from vision import pictures
from vision.augmentation import augment
from vision.evaluation import scores
from vision.evaluation.inference import SideBySide
from vision.figures.contact_sheets import contact_sheet
from vision.models import saving
from vision.networks import determinism
from vision.params import Params, load_params
from vision.runtime.files import write_csv, write_json
from vision.runtime.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
TRAIN = Path("data/subset/train")
VALIDATION = Path("data/subset/validation")
TEST = Path("data/subset/test")
MODELS = {"head": Path("models/head.keras"), "finetuned": Path("models/finetuned.keras")}
METRICS = Path("metrics/evaluate.json")
PREDICTIONS = Path("data/predictions.csv")
OF_VALIDATION = Path("data/validation_predictions.csv")
CLASSES = Path("data/classes.csv")
PLOTS = Path("plots/evaluate")
MISTAKES = Path("plots/mistakes.png")
AUGMENTATION = Path("plots/augmentation.png")

SHEET_COLUMNS = 6
VIEWS = 17


def main() -> None:
    params = load_params(PARAMS)
    determinism.enable()
    (head, description), (finetuned, of_finetuned) = map(saving.load, MODELS.values())
    both = SideBySide([head, finetuned], description.backbone, of_finetuned.trained_from)
    write_csv(predict(both, VALIDATION, description.classes, params)[0], OF_VALIDATION)
    predictions, by_model = predict(both, TEST, description.classes, params)
    index = predictions[["file", "label"]]
    labels = index["label"].map(description.classes.index).to_numpy()
    trained_on = pictures.index(TRAIN)["label"].map(description.classes.index).to_numpy()
    metrics: dict[str, object] = {
        "pictures": len(index),
        "baseline": scores.baseline(trained_on, labels, description.classes),
    }
    of_classes = []
    mistakes = []
    for name, probabilities in by_model.items():
        metrics[name] = scores.score(labels, probabilities, params.evaluate.calibration_bins)
        table = scores.score_classes(labels, probabilities, description.classes)
        of_classes.append(table.assign(model=name))
        write_plots(name, labels, probabilities, description.classes, params)
        worst = scores.most_confident_mistakes(labels, probabilities, params.evaluate.mistakes)
        predicted = probabilities[worst].argmax(axis=1)
        mistakes += [
            (index["file"][picture], name, description.classes[k], probabilities[picture, k])
            for picture, k in zip(worst, predicted, strict=True)
        ]
    write_json(metrics, METRICS)
    write_csv(predictions, PREDICTIONS)
    write_csv(pd.concat(of_classes), CLASSES)
    contact_sheet(
        MISTAKES,
        "Test pictures that each model got wrong, those first of which it was surest",
        (pictures.decode(TEST / file) for file, *_ in mistakes),
        [f"{file}\n{name}: {label} {p:.3f}" for file, name, label, p in mistakes],
        SHEET_COLUMNS,
    )
    draw_views(description.image_size, params)


def predict(
    both: SideBySide, folder: Path, classes: list[str], params: Params
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Predict the pictures of a split by both models.

    Returns
    -------
    A table of file, label, md5 and each model's probability of each class, head_cat and so on; and
    the probabilities by the model's name, shape (pictures, classes).
    """
    index = pictures.index(folder)
    paths = [folder / file for file in index["file"]]
    # The digest tells pictures of the same name apart, for comparing runs.
    table = index.assign(md5=[pictures.digest(path) for path in paths])
    probabilities = both.probabilities(
        paths, params.evaluate.mirror, folder.name, params.store.max_gb
    )
    by_model = dict(zip(MODELS, probabilities, strict=True))
    columns = [f"{name}_{label}" for name in by_model for label in classes]
    return table.join(pd.DataFrame(np.hstack(probabilities), columns=columns)), by_model


def write_plots(
    name: str, labels: np.ndarray, probabilities: np.ndarray, classes: list[str], params: Params
) -> None:
    """Write the tables behind one model's curves and confusion matrix."""
    bins = params.evaluate.calibration_bins
    confusion = pd.DataFrame({"actual": labels, "predicted": probabilities.argmax(axis=1)})
    tables = {
        "roc": scores.roc_curve(labels, probabilities),
        "precision_recall": scores.precision_recall_curve(labels, probabilities),
        "reliability": scores.reliability_curve(labels, probabilities, bins),
        "confusion": confusion.map(lambda k: classes[k]),
    }
    for kind, table in tables.items():
        write_csv(table, PLOTS / f"{name}_{kind}.csv")


def draw_views(size: int, params: Params) -> None:
    """Show the first training picture as it is and augmented as in fine-tuning."""
    file = pictures.index(TRAIN)["file"][0]
    picture = pictures.load_batch([TRAIN / file], size)
    views = [
        augment(picture, [file], view, params.augmentation, params.seed)[0] for view in range(VIEWS)
    ]
    contact_sheet(
        AUGMENTATION,
        f"Augmentation: {file} as it is, and views of it as fine-tuning sees them",
        [Image.fromarray(np.rint(view).astype(np.uint8)) for view in (picture[0], *views)],
        ["as it is", *(f"view {view + 1}" for view in range(VIEWS))],
        SHEET_COLUMNS,
    )


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
