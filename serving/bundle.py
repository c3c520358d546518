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
from serving.run import read_run
from vision import pictures
from vision.evaluation import scores
from vision.models.description import class_probabilities
from vision.params import Params, load_params
from vision.runtime.disk import replacing_file
from vision.runtime.errors import UserError
from vision.runtime.files import make_room, read_json
from vision.runtime.prefetch import load_ahead

PARAMS = Path("params.yaml")
TEST = Path("data/subset/test")
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
        There is no finished run, params.yaml or its files are not those that dvc.lock tells of,
        nothing was committed yet, or the two forms disagree.
    """
    make_room(to)  # before all the work
    params = load_params(PARAMS)
    model = classifier.from_workspace()
    run = read_run()
    results = [PREDICTIONS, COUNTS, EVALUATION, CALIBRATION]
    # So that the parameters and figures that go with the model are its own.
    if doubts := run.doubts(params, [*FILES.values(), *results]):
        raise UserError(
            f"{'; '.join(doubts)}; run `dvc repro`, or `dvc checkout` to have what was committed"
        )
    predictions = read_predictions()
    stored = class_probabilities(  # they were rounded
        predictions[[f"finetuned_{label}" for label in model.classes]].to_numpy()
    )
    predictions = told(model, predictions, model.calibration.apply(stored))
    paths = [TEST / file for file in predictions["file"]]
    if missing := [path for path in paths if not path.is_file()]:
        raise UserError(
            f"{missing[0]} is missing, on which both forms of the model are to agree, and "
            f"{len(missing) - 1:,} more; `dvc checkout` brings the pictures of the run"
        )
    commit = _git("rev-parse", "HEAD")  # before what takes long: without one nothing is packed
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
        "README.md": card.write(manifest, params, predictions).encode(),
        "manifest.json": _as_json(manifest),
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
    params: Params, model: Classifier, commit: str, outputs: dict[str, str], figures: dict
) -> dict:
    """Tell where the model comes from, what it takes, and how good it is.

    Parameters
    ----------
    commit : that is checked out.
    outputs : the digests of what the run wrote, by path.
    figures : on the test pictures, as `metrics` gives them.
    """
    size = model.image_size
    return {
        "commit": commit,
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "data": {
            "source": params.download.source,
            "md5": outputs[str(SUBSET)],
            "pictures": read_json(COUNTS),
        },
        "backbone": model.description.backbone,
        "fine_tuning": _fine_tuning(model),
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


def _fine_tuning(model: Classifier) -> str:
    """Tell what of the network was trained; fine-tuning that makes nothing better is dropped."""
    block = model.description.trained_from
    return f"trained from {block} up" if block else "its head alone is trained"


def metrics(model: Classifier, predictions: pd.DataFrame, stored: np.ndarray, bins: int) -> dict:
    """Give the figures on the test pictures, each with its 95 % interval.

    Accuracy and ROC AUC are those of the evaluation, the others of calibrated probabilities, and
    with `_before` of those that were not.

    Parameters
    ----------
    predictions : as `told` gives them.
    stored : what the model said of the same pictures, not calibrated, shape (pictures, classes).
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
        **_ended("roc_auc", final["roc_auc"], before["roc_auc"]),
        **_ended(
            "unsure",
            calibration["unsure"],
            scores.accuracy_interval(int(predictions["unsure"].sum()), len(predictions)),
        ),
    }
    for name in ("loss", "brier", "calibration_error"):
        for when, ends in (("_before", before), ("", after)):
            value = (calibration | of_brier)[name + when]
            figures |= _ended(name + when, value, ends[name])
    return figures | {"classes": {label: of_class(predictions, label) for label in model.classes}}


def _ended(name: str, value: float, ends: tuple[float, float]) -> dict[str, float]:
    return {name: value, f"{name}_low": ends[0], f"{name}_high": ends[1]}


def of_class(predictions: pd.DataFrame, label: str) -> dict[str, float]:
    """Give a class's recall and precision, with their 95 % intervals where there are any."""
    right = int(((predictions["label"] == label) & (predictions["said"] == label)).sum())
    figures: dict[str, float] = {}
    for name, column in (("recall", "label"), ("precision", "said")):
        pictures_ = int((predictions[column] == label).sum())
        figures[f"{name}_pictures"] = pictures_
        if pictures_:
            low, high = scores.accuracy_interval(right, pictures_)
            figures |= {name: right / pictures_, f"{name}_low": low, f"{name}_high": high}
    return figures


def read_predictions() -> pd.DataFrame:
    """Read the evaluation's table: file, label, and the probabilities by each model."""
    return pd.read_csv(PREDICTIONS, dtype={"file": str, "label": str}, keep_default_na=False)


def told(model: Classifier, table: pd.DataFrame, calibrated: np.ndarray) -> pd.DataFrame:
    """Give what the model says of the test pictures: file, label, said, probability, unsure."""
    return table[["file", "label"]].assign(
        said=np.array(model.classes, dtype=object)[calibrated.argmax(axis=1)],
        probability=calibrated.max(axis=1),
        unsure=model.is_unsure(calibrated),
    )


def _git(*arguments: str) -> str:
    try:
        told = subprocess.run(["git", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError("the bundle names the commit that it comes from; install git") from None
    if told.returncode:
        raise UserError(
            "the bundle names the commit that it comes from, and git knows none here "
            f"({told.stderr.strip()}); commit the run first, after `git init` where there is no "
            "repository"
        )
    return told.stdout.strip()


def _as_json(content: dict) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
