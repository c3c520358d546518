"""Draws docs/picture.png, for the README: what the model of the drawn pictures says of them.

    python -m tools.picture

After a run with params.yaml as it comes. Of each class a picture that it is sure of and one that it
is not, and its most confident mistake; below each, the heat of what spoke for what it says.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from serving import classifier
from serving.explain import Explainer, decode
from tools.compare import WORKSPACE, read_predictions
from tools.report.contents import SUBSET, calibrated
from vision.evaluation import scores
from vision.figures.contact_sheets import contact_sheet
from vision.runtime.program import run

TO = Path("docs/picture.png")


def main() -> None:
    model = classifier.open_model()
    predictions = read_predictions(WORKSPACE)
    labels = predictions["label"].map(model.classes.index).to_numpy()
    columns = [f"finetuned_{name}" for name in model.classes]
    probabilities = calibrated(predictions[columns].to_numpy())
    unsure = model.is_unsure(probabilities)
    chosen = list(choose(labels, probabilities, unsure))
    decoded, said, captions = [], [], []
    for number in chosen:
        best = probabilities[number].argmax()
        remark = ", unsure" if unsure[number] else ", but wrong" if best != labels[number] else ""
        decoded.append(decode(SUBSET / "test" / predictions.index[number]))
        said.append(model.classes[best])
        captions.append(f"{said[-1]} {probabilities[number].max():.2f}{remark}")
    heat = Explainer.from_classifier(model).draw(decoded, said)
    where = ["where it looked"] * len(chosen)
    heading = "Drawn pictures that it never saw, and what it says of them"
    contact_sheet(TO, heading, [*decoded, *heat], [*captions, *where], columns=len(chosen))


def choose(labels: np.ndarray, probabilities: np.ndarray, unsure: np.ndarray) -> Iterator[int]:
    """Choose pictures: each class's surest and least sure one, and the most confident mistake.

    Parameters
    ----------
    labels : numbers of the classes, shape (pictures,).
    probabilities : calibrated, shape (pictures, classes).
    unsure : which are called so, bool, shape (pictures,).

    Yields
    ------
    Indices of pictures; of what there is none of, none.
    """
    right = probabilities.argmax(axis=1) == labels
    sureness = probabilities.max(axis=1)
    for label in range(probabilities.shape[1]):
        of_class = labels == label
        if (sure := np.flatnonzero(of_class & right & ~unsure)).size:
            yield int(sure[sureness[sure].argmax()])
        if (doubtful := np.flatnonzero(of_class & unsure)).size:
            yield int(doubtful[sureness[doubtful].argmin()])
    for number in scores.most_confident_mistakes(labels, probabilities, 1):
        if not unsure[number]:
            yield int(number)


if __name__ == "__main__":
    run(main)
