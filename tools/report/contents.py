"""Collects what the page shows, from the files that a run wrote."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image
from sklearn.metrics import confusion_matrix

from serving import intervals
from serving.run import LOCK, changed_since_run, flatten, read_run, read_table
from tools.compare import MODELS, WORKSPACE, read_predictions
from tools.experiment import written
from tools.report import changes, charts, images
from tools.report.changes import NAMES
from vision import pictures
from vision.audit import shortcuts
from vision.augmentation import augment
from vision.evaluation import scores
from vision.models.calibration import Calibration
from vision.models.description import class_probabilities
from vision.params import Params, load_params
from vision.runtime.errors import UserError
from vision.runtime.files import read_json
from vision.runtime.text import folder_name, natural_order

PARAMS = Path("params.yaml")
SUBSET = Path("data/subset")
_PICTURES = [SUBSET, SUBSET / "train", SUBSET / "test"]
RAW = Path("data/raw")
PICKED = Path("data/picked.csv")
LEFT_OUT = Path("data/left_out.csv")
KNOWN = Path("data/pictures.csv")
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
    "balanced_accuracy": "Balanced accuracy",
    "roc_auc": "Area under the ROC curve",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "loss": "Loss (cross-entropy, nats)",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
}
_AUDITED = {
    "pictures": "pictures looked at",
    "labels": "doubtful labels",
    "related_in_test": "test pictures that belong to training pictures",
    "accuracy": "accuracy of a linear model",
    "related": "on these",
    "unrelated": "on the other test pictures",
    "kept_together": "on all, if what belongs to them is not trained on",
}
_LESS_IS_BETTER = {"loss", "brier", "calibration_error"}


def gather(revision: str | None) -> SimpleNamespace:
    """Collect what page.html names; what this run hasn't is None or empty.

    Parameters
    ----------
    revision : of the run to compare with, if there is one.

    Raises
    ------
    UserError
        There is no finished run here, or the revision can't be read.
    """
    needed = [*METRICS.values(), *HISTORIES.values(), LOCK, *_PICTURES]
    needed += [MODEL, CALIBRATION, LEFT_OUT]
    if missing := [path for path in needed if not path.exists()]:
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
    unequal = len(set(metrics["subset"]["test"].values())) > 1
    table = confusion_matrix(labels, said, labels=range(len(classes)))
    run = read_run()
    params, used = run.params(load_params(PARAMS)), run.parameters
    findings = read_if_there(FINDINGS)
    audited = read_json(AUDIT) if AUDIT.exists() else {}
    # First, since a wrong name is told sooner so.
    compared = changes.since(revision, used, metrics["evaluate"]) if revision else None
    return SimpleNamespace(
        classes=classes,
        commit=commit(),
        changed=changed_since_run(),
        counts=metrics["subset"],
        left_out=len(read_if_there(LEFT_OUT)),
        given=given(),
        audit=told(audited),
        shortcuts=[shortcuts.told(*each) for each in audited.get("shortcuts", {}).items()],
        findings=[
            row | {"picture": images.read(RAW / row["file"], f"{row['file']}: {row['reason']}")}
            for row in findings[:_FINDINGS].to_dict("records")
        ],
        count_findings=len(findings),
        samples=samples(classes),
        views=views(params),
        curves=list(learning_curves(metrics)),
        metrics=metrics,
        unequal=unequal,
        figures=figures(metrics["evaluate"], labels, probabilities, params, unequal),
        confusion=table.tolist() if len(classes) <= _CLASSES else None,
        confused=confused(table, classes),
        of_classes=scores.score_classes(labels, final, classes).to_dict("records"),
        roc=charts.curves(
            curves_of("roc"),
            "ROC curve, mean over the classes",
            ("False positive rate", "True positive rate"),
        ),
        precision_recall=charts.curves(
            curves_of("precision_recall"),
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


def read_if_there(path: Path) -> pd.DataFrame:
    return read_table(path) if path.exists() else pd.DataFrame()


def given() -> str:
    """Say what was found of splits, groups and weights; nothing where there is nothing.

    Groups and weights are only found: subset.group_by and class_weight say whether they count.
    """
    if not KNOWN.exists():
        return ""
    known = pd.read_csv(KNOWN, dtype=str, keep_default_na=False)
    counts = known["split"].value_counts()
    said = [
        f"{counts[split]:,} were given for {split}" for split in pictures.SPLITS if split in counts
    ]
    for column, what in (("group", "have a group"), ("weight", "have a weight")):
        if named := int((known[column] != "").sum()):
            said.append(f"{named:,} {what}")
    return f"Of {len(known):,} pictures that were found, {', '.join(said)}." if said else ""


def curves_of(name: str) -> dict[str, pd.DataFrame]:
    """Read the tables of a curve, by the models' names."""
    return {said: read_table(PLOTS / f"{model}_{name}.csv") for model, said in NAMES.items()}


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
        found.setdefault(section, []).append((key, written(value)))
    return found


def told(audit: dict) -> list[tuple[str, int | float]]:
    """Return the audit's counts, and accuracies, one below another, of what there is."""
    return [
        (
            ": ".join(_AUDITED.get(part, part.replace("_", " ")) for part in name.split(".")),
            round(number, 3),
        )
        for name, number in flatten(audit).items()
        if number and not name.startswith("shortcuts.")
    ]


def samples(classes: list[str]) -> dict[str, list[tuple[Markup, str]]]:
    """Show the first training pictures of each class, of the first classes where they are many.

    Returns
    -------
    By the class, the pictures with what stands below each.
    """
    of_each = max(1, _SAMPLES // len(classes))
    found = {}
    for label in classes[:_SAMPLES]:
        folder = SUBSET / "train" / folder_name(label)
        names = natural_order([path.name for path in folder.iterdir()])[:of_each]
        found[label] = [
            (shown, name)
            for name in names
            if (shown := images.read(folder / name, f"{label}: {name}"))
        ]
    return found


def views(params: Params) -> list[tuple[Markup, str]]:
    """Show a training picture as it is and augmented as in fine-tuning; see `samples`."""
    folder = SUBSET / "train"
    file = pictures.index(folder)["file"][0]
    picture = pictures.decode(folder / file, images.PIXELS)
    picture.thumbnail((images.PIXELS, images.PIXELS))
    pixels = np.asarray(picture)[np.newaxis]
    found = [(images.shown(picture, f"{file} as it is"), "as it is")]
    for number in range(_VIEWS):
        (view,) = augment(pixels, [file], number, params.augmentation, params.seed)
        drawn = Image.fromarray(np.rint(view).astype(np.uint8))
        name = f"view {number + 1}"
        found.append((images.shown(drawn, f"{file}, {name}"), name))
    return found


def learning_curves(metrics: dict) -> list[tuple[str, str, list[Markup]]]:
    """Draw loss and accuracy of both trainings; one of no epochs has no curve.

    Returns
    -------
    Of each its name, why its result was discarded, if it was, and the charts.
    """
    found = []
    for stage, title in {"head": "The head", "finetune": "Fine-tuning"}.items():
        history = read_if_there(HISTORIES[stage])
        if len(history):
            summary = of_what_was_trained(metrics[stage])
            drawn = [
                charts.learning_curve(history, figure, label, summary, title.lower())
                for figure, label in (("loss", "Loss (nats)"), ("accuracy", "Accuracy"))
            ]
            found.append((title, why_discarded(summary), drawn))
    return found


def of_what_was_trained(summary: dict) -> dict:
    """Return a training's summary with the figures before it of what was trained.

    Where that is one network of several, those of the summary are the whole model's.
    """
    first = next(iter(summary.get("blocks", {}).values()), {})
    return summary | {name: first[name] for name in first if name.endswith("_before")}


def why_discarded(summary: dict) -> str:
    """Return why the result of a training was discarded; nothing where it was kept."""
    if summary["best_epoch"]:
        return ""
    if any(block["best_epoch"] for block in summary.get("blocks", {}).values()):
        return "Beside the others, the trained network was no better than it had been untrained"
    return "No epoch had less loss on the validation pictures than there was before"


def figures(
    metrics: dict,
    labels: np.ndarray,
    probabilities: dict[str, np.ndarray],
    params: Params,
    unequal: bool,
) -> list[tuple[str, bool, dict[str, tuple[float, float, float]]]]:
    """Return each figure of each model, with its 95 % interval.

    Parameters
    ----------
    unequal : whether there are more pictures of one class than of another; else the balanced
        accuracy is the accuracy, and left out.

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
        if unequal or name != "balanced_accuracy"
    ]


def confused(confusion: np.ndarray, classes: list[str]) -> list[tuple[str, str, int]]:
    """Return the most frequent mistakes: the class, what it was taken for, how often."""
    table = confusion * (1 - np.eye(len(classes), dtype=int))
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
) -> list[dict]:
    """Explain the test pictures that the final model is surest of and gets wrong.

    Returns
    -------
    Of each its file, its label, what was said of it with which probability, the picture, the heat
    of what spoke for the one and for the other, and the kind of what the audit found of it.
    """
    worst = scores.most_confident_mistakes(labels, final, params.evaluate.mistakes)
    if not len(worst):
        return []
    # Brings in TensorFlow, which a run without mistakes, and the rest of the page, do without.
    from serving.explain import Explainer, decode
    from vision.models import saving

    files = list(predictions.index[worst])
    findings = of_test_pictures(read_if_there(FINDINGS), read_if_there(PICKED))
    explainer = Explainer(saving.load(MODEL)[0], classes, params.evaluate.mirror)
    heat = "the same with the heat of what spoke for"
    found = []
    for number, file in zip(worst, files, strict=True):
        own, other = classes[labels[number]], classes[final[number].argmax()]
        picture = decode(SUBSET / "test" / file)
        for_other, for_own = explainer.draw([picture, picture], [other, own])
        found.append(
            {
                "file": file,
                "label": own,
                "said": other,
                "probability": float(final[number].max()),
                "picture": images.shown(picture, f"{file}, a picture of {own}"),
                "for_said": images.shown(for_other, f"{heat} {other}"),
                "for_label": images.shown(for_own, f"{heat} {own}"),
                "finding": findings.get(file, ""),
            }
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
    return dict(
        zip(found["label"].map(folder_name) + "/" + found["name"], found["kind"], strict=True)
    )
