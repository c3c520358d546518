"""Measures the head and the fine-tuned model on the test pictures, and draws what came out.

The augmentation is drawn here and not in fine-tuning, so that a change of how figures look
trains nothing anew.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from vision import cut, determinism, features, figures, models, pictures, scores
from vision.augmentation import augment
from vision.description import class_probabilities
from vision.engine import Engine
from vision.output import write_csv, write_json
from vision.params import Params, load_params
from vision.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
TRAIN = Path("data/subset/train")
TEST = Path("data/subset/test")
PICKED = Path("data/picked.csv")
FINDINGS = Path("data/audit.csv")
MODELS = {"head": Path("models/head.keras"), "finetuned": Path("models/finetuned.keras")}
METRICS = Path("metrics/evaluate.json")
PREDICTIONS = Path("data/predictions.csv")
CLASSES = Path("data/classes.csv")
PLOTS = Path("plots/evaluate")
MISTAKES = Path("plots/mistakes.png")
AUGMENTATION = Path("plots/augmentation.png")

SHEET_COLUMNS = 6
VIEWS = 17


def main() -> None:
    params = load_params(PARAMS)
    determinism.enable()
    index = pictures.index(TEST)
    metrics: dict[str, object] = {"pictures": len(index)}
    # The digest tells pictures of the same name apart, for comparing runs.
    predictions = index.assign(md5=[pictures.digest(TEST / file) for file in index["file"]])
    of_classes = []
    mistakes = []
    (head, description), (finetuned, of_finetuned) = map(models.load, MODELS.values())
    both = Engine(
        cut.side_by_side([head, finetuned], description.backbone, of_finetuned.trained_from)
    )
    labels = index["label"].map(description.classes.index).to_numpy()
    paths = [TEST / file for file in index["file"]]
    by_model = predict(both, paths, params.evaluate.mirror)
    for name, probabilities in zip(MODELS, by_model, strict=True):
        metrics[name] = scores.score(labels, probabilities, params.evaluate.calibration_bins)
        table = scores.score_classes(labels, probabilities, description.classes)
        of_classes.append(table.assign(model=name))
        write_plots(name, labels, probabilities, description.classes, params)
        columns = [f"{name}_{label}" for label in description.classes]
        predictions = predictions.join(pd.DataFrame(probabilities, columns=columns))
        worst = scores.most_confident_mistakes(labels, probabilities, params.evaluate.mistakes)
        said = probabilities[worst].argmax(axis=1)
        mistakes += [
            (index["file"][picture], name, description.classes[k], probabilities[picture, k])
            for picture, k in zip(worst, said, strict=True)
        ]
    write_json(metrics, METRICS)
    write_csv(predictions, PREDICTIONS)
    write_csv(pd.concat(of_classes), CLASSES)
    found = read_findings()
    figures.contact_sheet(
        MISTAKES,
        "Test pictures that each model got wrong, those first of which it was surest",
        (pictures.decode(TEST / file) for file, *_ in mistakes),
        [
            f"{file}\n{name}: {said} {p:.3f}" + (f"\naudit: {found[file]}" if file in found else "")
            for file, name, said, p in mistakes
        ],
        SHEET_COLUMNS,
    )
    draw_views(description.image_size, params)


def read_findings() -> dict[str, str]:
    """Tell what kind of finding the audit made of test pictures, by their file, the worst each."""
    findings, picked = (
        pd.read_csv(path, dtype=str, keep_default_na=False) for path in (FINDINGS, PICKED)
    )
    of_test = findings[findings["split"] == "test"].drop_duplicates("file").merge(picked, on="file")
    files = of_test["label_y"] + "/" + of_test["name"]
    return dict(zip(files, of_test["kind"], strict=True))


def predict(network: Engine, paths: list[Path], mirror: bool) -> np.ndarray:
    """Give the probabilities of each class by each of MODELS, shape (models, pictures, classes).

    Parameters
    ----------
    network : gives the outputs of all of them, side by side.
    mirror : whether to give the mean of those of the pictures and of their mirror images.
    """
    outputs = [np.concatenate(list(features.run(network, paths, "test")))]
    if mirror:
        mirrored = features.run(
            network, paths, "test, mirrored", lambda batch, _: batch[:, :, ::-1]
        )
        outputs.append(np.concatenate(list(mirrored)))
    passes = [np.split(each, len(MODELS), axis=1) for each in outputs]
    return np.mean(
        [[class_probabilities(of_model) for of_model in each] for each in passes], axis=0
    )


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
    figures.contact_sheet(
        AUGMENTATION,
        f"Augmentation: {file} as it is, and views of it as fine-tuning sees them",
        [Image.fromarray(np.rint(view).astype(np.uint8)) for view in (picture[0], *views)],
        ["as it is", *(f"view {view + 1}" for view in range(VIEWS))],
        SHEET_COLUMNS,
    )


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
