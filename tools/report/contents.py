"""Collects what the page shows, from the files that a run wrote."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image

from serving import intervals
from serving.run import LOCK, changed_since_run, read_run
from tools.compare import MODELS, WORKSPACE, read_predictions
from tools.report import changes, charts, images
from tools.report.changes import NAMES
from vision import pictures
from vision.augmentation import augment
from vision.evaluation import scores
from vision.models.calibration import Calibration
from vision.models.description import class_probabilities
from vision.params import Params, load_params
from vision.runtime.errors import UserError
from vision.runtime.files import read_json

PARAMS = Path("params.yaml")
SUBSET = Path("data/subset")
_PICTURES = [SUBSET, SUBSET / "train", SUBSET / "test"]
RAW = Path("data/raw")
PICKED = Path("data/picked.csv")
LEFT_OUT = Path("data/left_out.csv")
FINDINGS = Path("data/audit.csv")
AUDIT = Path("metrics/audit.json")
MODEL = Path("models/finetuned.keras")
CALIBRATION = Path("models/calibration.json")
METRICS = {
    name: Path(f"metrics/{name}.json")
    for name in ("subset", "head", "finetune", "evaluate", "calibration", "environment")
}
HISTORIES = {"head": Path("plots/head.csv"), "finetune": Path("plots/finetune.csv")}
PLOTS = Path("plots/evaluate")
# How many are shown. Of classes: more make a table that nobody reads.
_SAMPLES, _VIEWS, _FINDINGS, _CLASSES = 24, 11, 12, 12
_FIGURES = {
    "accuracy": "Accuracy",
    "roc_auc": "Area under the ROC curve",
    "precision": "Precision",
    "recall": "Recall (balanced accuracy)",
    "f1": "F1",
    "loss": "Loss (cross-entropy, nats)",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
}
_AUDITED = {"pictures": "pictures looked at", "labels": "doubtful labels"}
_LESS_IS_BETTER = {"loss", "brier", "calibration_error"}


@dataclass(frozen=True)
class Captioned:
    """A picture with what stands below it."""

    picture: images.Shown
    caption: str


@dataclass(frozen=True)
class Finding:
    """What the audit says of a picture; None for one that can't be shown."""

    picture: images.Shown | None
    file: str
    kind: str
    action: str
    reason: str


@dataclass(frozen=True)
class Mistake:
    """A test picture that the final model gets wrong.

    Attributes
    ----------
    for_said, for_label : the heat of what spoke for the class that it took it for, and for its own.
    finding : the kind of what the audit found of it, the worst; empty where it found nothing.
    """

    file: str
    label: str
    said: str
    probability: float
    picture: images.Shown
    for_said: images.Shown
    for_label: images.Shown
    finding: str


@dataclass(frozen=True)
class Contents:
    """All that the page shows; what a run hasn't is None or empty.

    Attributes
    ----------
    changed : the paths and parameters that are no longer those of the run.
    """

    classes: list[str]
    commit: str
    changed: list[str]
    counts: dict[str, dict[str, int]]
    left_out: int
    audit: list[tuple[str, int]]
    findings: list[Finding]
    count_findings: int
    samples: dict[str, list[Captioned]]
    views: list[Captioned]
    curves: list[tuple[str, bool, list[Markup]]]
    metrics: dict
    figures: list[tuple[str, bool, dict[str, tuple[float, float, float]]]]
    confusion: list[list[int]] | None
    confused: list[tuple[str, str, int]]
    of_classes: list[dict]
    roc: Markup
    precision_recall: Markup
    reliability: Markup
    mistakes: list[Mistake]
    count_mistakes: int
    parameters: dict[str, list[tuple[str, str]]]
    environments: list[dict]
    changes: changes.Changes | None


def gather(revision: str | None) -> Contents:
    """Collect the contents from the run in this folder.

    Parameters
    ----------
    revision : of the run to compare with, if there is one.

    Raises
    ------
    UserError
        There is no finished run here, or the revision can't be read.
    """
    needed = [
        *METRICS.values(),
        *HISTORIES.values(),
        LOCK,
        *_PICTURES,
        MODEL,
        CALIBRATION,
        LEFT_OUT,
    ]
    missing = [path for path in needed if not path.exists()]
    if missing:
        raise UserError(
            f"{missing[0]} is missing; `few train` runs the pipeline, `dvc checkout` or "
            "`dvc pull` brings what a run wrote"
        )
    metrics = {name: read_json(path) for name, path in METRICS.items()}
    predictions = read_predictions(WORKSPACE)
    classes = sorted(metrics["subset"]["train"])
    labels = predictions["label"].map(classes.index).to_numpy()
    probabilities = {
        model: predictions[[f"{model}_{name}" for name in classes]].to_numpy() for model in MODELS
    }
    final = probabilities["finetuned"]
    said = final.argmax(axis=1)
    run = read_run()
    params, used = run.params(load_params(PARAMS)), run.parameters
    findings = read_table(FINDINGS)
    # First, since a wrong name is told sooner so.
    compared = changes.since(revision, used, metrics["evaluate"]) if revision else None
    return Contents(
        classes=classes,
        commit=commit(),
        changed=changed_since_run(),
        counts=metrics["subset"],
        left_out=len(read_table(LEFT_OUT)),
        audit=list(told(read_json(AUDIT) if AUDIT.exists() else {})),
        findings=[
            Finding(
                images.read(RAW / row.file, f"{row.file}: {row.reason}"),
                row.file,
                row.kind,
                row.action,
                row.reason,
            )
            for row in findings[:_FINDINGS].itertuples()
        ],
        count_findings=len(findings),
        samples=samples(classes),
        views=views(params),
        curves=list(learning_curves(metrics)),
        metrics=metrics,
        figures=figures(metrics["evaluate"], labels, probabilities, params),
        confusion=confusion(labels, said, len(classes)) if len(classes) <= _CLASSES else None,
        confused=confused(labels, said, classes),
        of_classes=scores.score_classes(labels, final, classes).to_dict("records"),
        roc=charts.curves(
            {name: read_table(PLOTS / f"{model}_roc.csv") for model, name in NAMES.items()},
            "false_positive_rate",
            "true_positive_rate",
            "ROC curve, mean over the classes",
            ("False positive rate", "True positive rate"),
        ),
        precision_recall=charts.curves(
            {
                name: read_table(PLOTS / f"{model}_precision_recall.csv")
                for model, name in NAMES.items()
            },
            "recall",
            "precision",
            "Precision and recall, mean over the classes",
            ("Recall", "Precision"),
        ),
        reliability=reliability(labels, final, params),
        mistakes=mistakes(predictions, labels, calibrated(final), classes, params),
        count_mistakes=int((said != labels).sum()),
        parameters=sections(used),
        environments=metrics["environment"],
        changes=compared,
    )


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; an empty one where there is none. Names stay text, numbers become such."""
    if not path.exists():
        return pd.DataFrame()
    return pd.read_csv(path, dtype={"file": str, "label": str}, keep_default_na=False)


def commit() -> str:
    """Name the commit that is checked out, and whether files differ from it.

    Where git knows none, that is said, and the page goes without.
    """
    command = ["git", "describe", "--always", "--dirty= with changes", "--exclude=*"]
    try:
        told = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        told = ""
    if not told:
        print("git knows no commit here, so the page names none", file=sys.stderr)
    return told


def sections(used: dict[str, object]) -> dict[str, list[tuple[str, str]]]:
    """Return the parameters by their section; those of none come first."""
    found: dict[str, list[tuple[str, str]]] = {"": []}
    for name, value in used.items():
        section, _, key = name.rpartition(".")
        found.setdefault(section, []).append((key, changes.said(value)))
    return found


def told(audit: dict, before: str = "") -> list[tuple[str, int]]:
    """Return the audit's counts, one below another, of what there is."""
    rows: list[tuple[str, int]] = []
    for name, value in audit.items():
        words = before + _AUDITED.get(name, name.replace("_", " "))
        if isinstance(value, dict):
            rows += told(value, f"{words}: ")
        elif value:
            rows.append((words, value))
    return rows


def samples(classes: list[str]) -> dict[str, list[Captioned]]:
    """Show the first training pictures of each class, of the first classes where they are many."""
    of_each = max(1, _SAMPLES // len(classes))
    found = {}
    for label in classes[:_SAMPLES]:
        folder = SUBSET / "train" / label
        names = pictures.natural_order([path.name for path in folder.iterdir()])[:of_each]
        found[label] = [
            Captioned(shown, name)
            for name in names
            if (shown := images.read(folder / name, f"{label}: {name}"))
        ]
    return found


def views(params: Params) -> list[Captioned]:
    """Show a training picture as it is and augmented as in fine-tuning."""
    folder = SUBSET / "train"
    file = pictures.index(folder)["file"][0]
    picture = pictures.decode(folder / file, images.PIXELS)
    picture.thumbnail((images.PIXELS, images.PIXELS))
    pixels = np.asarray(picture)[np.newaxis]
    drawn = [
        augment(pixels, [file], view, params.augmentation, params.seed)[0] for view in range(_VIEWS)
    ]
    shown = [images.shown(picture, f"{file} as it is")]
    shown += [
        images.shown(Image.fromarray(np.rint(view).astype(np.uint8)), f"{file}, view {number}")
        for number, view in enumerate(drawn, 1)
    ]
    names = ["as it is", *(f"view {number}" for number in range(1, _VIEWS + 1))]
    return [Captioned(*each) for each in zip(shown, names, strict=True)]


def learning_curves(metrics: dict) -> list[tuple[str, bool, list[Markup]]]:
    """Draw loss and accuracy of both trainings; one of no epochs has no curve.

    Returns
    -------
    Of each its name, whether its result was kept, and the charts.
    """
    found = []
    for stage, title in {"head": "The head", "finetune": "Fine-tuning"}.items():
        history = read_table(HISTORIES[stage])
        if len(history):
            drawn = [
                charts.learning_curve(history, figure, label, metrics[stage], title.lower())
                for figure, label in (("loss", "Loss (nats)"), ("accuracy", "Accuracy"))
            ]
            found.append((title, bool(metrics[stage]["best_epoch"]), drawn))
    return found


def figures(
    metrics: dict, labels: np.ndarray, probabilities: dict[str, np.ndarray], params: Params
) -> list[tuple[str, bool, dict[str, tuple[float, float, float]]]]:
    """Return each figure of each model, with its 95 % interval.

    Returns
    -------
    Its name, whether less is better, and by the model: itself, its lower and its upper end.
    """
    bins = params.evaluate.calibration_bins
    ends = {}
    for model in MODELS:
        own = metrics[model]
        ends[model] = intervals.of_scores(labels, probabilities[model], bins)
        ends[model]["accuracy"] = own["accuracy_low"], own["accuracy_high"]
    return [
        (
            title,
            name in _LESS_IS_BETTER,
            {model: (metrics[model][name], *ends[model][name]) for model in MODELS},
        )
        for name, title in _FIGURES.items()
    ]


def confusion(labels: np.ndarray, said: np.ndarray, classes: int) -> list[list[int]]:
    """Count the pictures of each class (rows) by what they were taken for (columns)."""
    table = np.zeros((classes, classes), int)
    np.add.at(table, (labels, said), 1)
    return table.tolist()


def confused(
    labels: np.ndarray, said: np.ndarray, classes: list[str]
) -> list[tuple[str, str, int]]:
    """Return the most frequent mistakes: the class, what it was taken for, how often."""
    table = np.array(confusion(labels, said, len(classes)))
    np.fill_diagonal(table, 0)
    order = np.argsort(-table, axis=None, kind="stable")[:_CLASSES]
    pairs = [divmod(int(place), len(classes)) for place in order]
    return [(classes[a], classes[b], int(table[a, b])) for a, b in pairs if table[a, b]]


def reliability(labels: np.ndarray, final: np.ndarray, params: Params) -> Markup:
    """Draw the final model's reliability, as it is and calibrated."""
    bins = params.evaluate.calibration_bins
    tables = {"before calibration": final, "calibrated": calibrated(final)}
    return charts.reliability(
        {name: scores.reliability_curve(labels, each, bins) for name, each in tables.items()}
    )


def calibrated(final: np.ndarray) -> np.ndarray:
    """Return the final model's probabilities as `few predict` does."""
    return Calibration.from_json(CALIBRATION.read_bytes()).apply(class_probabilities(final))


def mistakes(
    predictions: pd.DataFrame,
    labels: np.ndarray,
    final: np.ndarray,
    classes: list[str],
    params: Params,
) -> list[Mistake]:
    """Explain the test pictures that the final model is surest of and gets wrong."""
    worst = scores.most_confident_mistakes(labels, final, params.evaluate.mistakes)
    if not len(worst):
        return []
    # Brings in TensorFlow, which a run without mistakes, and the rest of the page, do without.
    from serving.explain import Explainer, decode
    from vision.models import saving

    files = list(predictions.index[worst])
    findings = of_test_pictures(read_table(FINDINGS), read_table(PICKED))
    explainer = Explainer(saving.load(MODEL)[0], classes, params.evaluate.mirror)
    found = []
    for number, file in zip(worst, files, strict=True):
        own, other = classes[labels[number]], classes[final[number].argmax()]
        picture = decode(SUBSET / "test" / file)
        for_other, for_own = explainer.draw([picture, picture], [other, own])
        found.append(
            Mistake(
                file,
                own,
                other,
                float(final[number].max()),
                images.shown(picture, f"{file}, a picture of {own}"),
                images.shown(for_other, f"the same with the heat of what spoke for {other}"),
                images.shown(for_own, f"the same with the heat of what spoke for {own}"),
                findings.get(file, ""),
            )
        )
    return found


def of_test_pictures(findings: pd.DataFrame, picked: pd.DataFrame) -> dict[str, str]:
    """Return the kind of the audit's first finding of each test picture, by the picture's file.

    Parameters
    ----------
    findings : of the audit, which knows a picture by its file in data/raw; empty without one.
    picked : what each of those files is called in the subset.
    """
    if findings.empty or picked.empty:
        return {}
    of_test = findings[findings["split"] == "test"].drop_duplicates("file")
    found = of_test.merge(picked[["file", "name"]], on="file")
    return dict(zip(found["label"] + "/" + found["name"], found["kind"], strict=True))
