"""Packs the final model into one file that needs nothing of this project.

Equal runs give equal bytes: the archive holds no times, nothing is compressed (which differs
from one zlib to another), and nothing in it tells of the machine.
"""

import json
import subprocess
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from serving import card, classifier, intervals
from serving.classifier import FILES, Classifier
from serving.run import changed_since_run, read_run, read_table
from vision import pictures
from vision.evaluation import scores
from vision.models.description import Description, class_probabilities
from vision.params import Params, load_params
from vision.runtime.disk import replacing_file
from vision.runtime.errors import UserError
from vision.runtime.files import make_room, read_json
from vision.runtime.prefetch import load_ahead

PARAMS = Path("params.yaml")
SUBSET = Path("data/subset")
PREDICTIONS = Path("data/predictions.csv")
COUNTS = Path("metrics/subset.json")
EVALUATION = Path("metrics/evaluate.json")
CALIBRATION = Path("metrics/calibration.json")
SCRIPT = Path(__file__).parent / "bundled" / "predict.py"

# How far an output of the one form, and a calibrated probability, may be from that of the other.
AGREEMENT = 1e-4
# The earliest time that a zip can hold.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o644 << 16
_BATCH_SIZE = 32
_LIBRARIES = ("ai-edge-litert", "keras", "numpy", "pillow", "tensorflow")


def write(to: Path) -> None:
    """Pack the model of the workspace; print how far its two forms are from each other.

    Raises
    ------
    UserError
        Nothing was committed yet, there is no finished run, something was changed since or is
        missing, or the two forms disagree.
    """
    make_room(to)  # this and what else may be refused, before all the work
    commit = read_commit()
    params = load_params(PARAMS)
    model = classifier.open_model()
    run = read_run()
    if changed := changed_since_run():  # commit, parameters or figures may not be the model's own
        raise UserError(
            f"changed since the last run: {', '.join(changed)}; `dvc repro` makes the run anew, "
            "`git checkout` and `dvc checkout` bring back what it was made of"
        )
    for path in (SUBSET, PREDICTIONS):
        if not path.exists():
            raise UserError(f"{path} is missing; `dvc checkout` brings it")
    table = read_table(PREDICTIONS)
    stored = class_probabilities(  # they were rounded
        table[[f"finetuned_{label}" for label in model.classes]].to_numpy()
    )
    predictions = predicted(model, table, model.calibration.apply(stored))
    paths = [SUBSET / "test" / file for file in predictions["file"]]
    difference = greatest_difference(model, paths)
    if not difference <= AGREEMENT:  # nor if it is no number
        raise UserError(
            f"the Keras and the LiteRT form of the model differ by {difference:.2g} on a test "
            f"picture, where {AGREEMENT:g} is allowed, so nothing was packed; are both of the "
            "same run? `dvc repro --force finetune` writes them anew"
        )
    figures = metrics(model, predictions, stored, params.evaluate.calibration_bins)
    manifest = describe(params, model, commit, run.outputs, figures)
    members = {
        "README.md": card.render(manifest, params, predictions).encode(),
        "manifest.json": (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode(),
        "params.yaml": PARAMS.read_bytes(),
        "predict.py": SCRIPT.read_bytes(),
        **{name: path.read_bytes() for name, path in FILES.items()},
    }
    pack(members, to)
    print(
        f"{to}: {to.stat().st_size / 1e6:.1f} MB. On {len(paths):,} test pictures its two forms "
        f"differ by {difference:.1e} at most."
    )


def pack(members: dict[str, bytes], to: Path) -> None:
    """Write a zip archive, whole or not at all."""
    with replacing_file(to) as new, zipfile.ZipFile(new, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, _NO_TIME)
            member.external_attr = _PLAIN_FILE
            archive.writestr(member, content)


def greatest_difference(model: Classifier, paths: list[Path]) -> float:
    """Compare the model's two forms: the greatest difference over all pictures.

    It is that of an output, or of what becomes of the outputs: a temperature below 1 makes
    differences greater.
    """
    keras_model = model.keras_model()
    batches = [paths[start : start + _BATCH_SIZE] for start in range(0, len(paths), _BATCH_SIZE)]

    def load_and_run(batch: list[Path]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        views = model.views(pictures.load_batch(batch, model.image_size))
        return views, [model.network(view) for view in views]

    greatest = 0.0
    with tqdm(total=len(paths), desc="compare", unit="picture", disable=None) as bar:
        for views, outputs in load_ahead(load_and_run, batches):
            of_keras = [keras_model.predict_on_batch(view.astype(np.float32)) for view in views]
            ones, others = (
                np.hstack([*each, model.combined(each)]) for each in (outputs, of_keras)
            )
            greatest = float(np.maximum(greatest, np.abs(ones - others).max()))
            bar.update(len(views[0]))
    return greatest


def describe(
    params: Params, model: Classifier, commit: dict, outputs: dict[str, str], figures: dict
) -> dict:
    """Return the manifest: where the model comes from, what it takes, and how good it is.

    Parameters
    ----------
    commit : see `read_commit`.
    outputs : the MD5 digests of what the run wrote, by path.
    figures : on the test pictures; see `metrics`.
    """
    size = model.image_size
    return {
        **commit,
        "data": {
            "source": params.download.source,
            "md5": outputs[str(SUBSET)],
            "pictures": read_json(COUNTS),
        },
        "backbone": model.description.backbone,
        "fine_tuning": fine_tuning(model.description),
        "image_size": size,
        "classes": model.classes,
        "preprocessing": {
            "colour": "RGB, transparency upon white",
            "orientation": "upright, as EXIF says",
            "resize": f"squeezed to {size}x{size} by Pillow's BILINEAR; a large JPEG file is "
            "decoded at a half, a quarter or an eighth of its size if that is "
            f"{2 * size}x{2 * size} or more",
            "values": "0 to 255, float32; all scaling is inside the model",
            "mirror": "mean of the outputs of the picture and of its mirror image"
            if model.calibration.mirror
            else "the picture as it is",
        },
        "thresholds": {
            "temperature": model.calibration.temperature,
            "unsure_below": model.calibration.unsure_below,
            "most_wrong": params.calibrate.most_wrong,
        },
        "metrics": figures,
        "forms_agree_within": AGREEMENT,
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def fine_tuning(description: Description) -> str:
    """Return what of the network is trained: nothing where that made nothing better."""
    if not description.trained_from:
        return "its head alone is trained"
    network, _, block = description.trained_from.rpartition("/")
    if network in ("", description.backbone):
        return f"trained from {block} up"
    return f"{network} is trained from {block} up, the other networks are as they were"


def metrics(model: Classifier, predictions: pd.DataFrame, stored: np.ndarray, bins: int) -> dict:
    """Return the figures on the test pictures, each with its 95 % interval.

    Accuracy and ROC AUC are those of the evaluation, the others of calibrated probabilities, and
    with `_before` of uncalibrated ones. Where classes are unequal, there are the balanced accuracy
    and the evaluation's baseline as well.

    Parameters
    ----------
    predictions : see `predicted`.
    stored : uncalibrated probabilities of the same pictures, shape (pictures, classes).
    bins : of the calibration error.
    """
    labels = predictions["label"].map(model.classes.index).to_numpy()
    evaluation, calibration = read_json(EVALUATION), read_json(CALIBRATION)["test"]
    final = evaluation["finetuned"]
    calibrated = model.calibration.apply(stored)
    brier = scores.score(labels, calibrated, bins)["brier"]
    before, after = (intervals.of_scores(labels, each, bins) for each in (stored, calibrated))
    of_brier = {"brier_before": final["brier"], "brier": brier}
    figures = {
        "pictures": evaluation["pictures"],
        **{name: final[name] for name in ("accuracy", "accuracy_low", "accuracy_high")},
        **calibration,
        **_with_interval("roc_auc", final["roc_auc"], before["roc_auc"]),
        **_with_interval(
            "unsure",
            calibration["unsure"],
            scores.accuracy_interval(int(predictions["unsure"].sum()), len(predictions)),
        ),
    }
    if len(set(np.bincount(labels, minlength=len(model.classes)))) > 1:
        name = "balanced_accuracy"
        figures |= _with_interval(name, final[name], before[name])
        figures["baseline"] = evaluation["baseline"]
    for name in ("loss", "brier", "calibration_error"):
        for when, ends in (("_before", before), ("", after)):
            value = (calibration | of_brier)[name + when]
            figures |= _with_interval(name + when, value, ends[name])
    return figures | {"classes": {label: of_class(predictions, label) for label in model.classes}}


def _with_interval(name: str, value: float, ends: tuple[float, float]) -> dict[str, float]:
    return {name: value, f"{name}_low": ends[0], f"{name}_high": ends[1]}


def of_class(predictions: pd.DataFrame, label: str) -> dict[str, float]:
    """Return a class's recall and precision, with their 95 % intervals where there are any."""
    right = int(((predictions["label"] == label) & (predictions["predicted"] == label)).sum())
    figures: dict[str, float] = {}
    for name, column in (("recall", "label"), ("precision", "predicted")):
        count = int((predictions[column] == label).sum())
        figures[f"{name}_pictures"] = count
        if count:
            ends = scores.accuracy_interval(right, count)
            figures |= _with_interval(name, right / count, ends)
    return figures


def predicted(model: Classifier, table: pd.DataFrame, calibrated: np.ndarray) -> pd.DataFrame:
    """Return file, label, predicted class, its probability and `unsure` of the test pictures."""
    return table[["file", "label"]].assign(
        predicted=np.array(model.classes, dtype=object)[calibrated.argmax(axis=1)],
        probability=calibrated.max(axis=1),
        unsure=model.is_unsure(calibrated),
    )


def read_commit() -> dict[str, str | bool]:
    """Return the commit that is checked out, and whether git knows of changes since.

    Raises
    ------
    UserError
        There is no git here, or no commit.
    """
    why = "the bundle names the commit that it comes from"
    commands = (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    try:
        commit, changes = (
            subprocess.run(["git", *command], capture_output=True, text=True)
            for command in commands
        )
    except FileNotFoundError:
        raise UserError(f"{why}; install git") from None
    if commit.returncode:
        raise UserError(
            f"{why}, and git knows none here ({commit.stderr.strip()}); commit the run first, "
            "after `git init` where there is no repository"
        )
    return {"commit": commit.stdout.strip(), "uncommitted_changes": bool(changes.stdout)}
