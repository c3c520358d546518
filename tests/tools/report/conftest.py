"""A finished run in a folder, made by hand: what the report is written from."""

import contextlib
import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from serving.run import LOCK
from tests.code import ROOT
from tests.models import classifier
from tools import compare
from tools.experiment import flatten
from tools.report import changes, contents, page
from vision import pictures
from vision.evaluation import scores
from vision.models import saving
from vision.models.saving import Description
from vision.params import TrainHead
from vision.runtime.files import write_csv, write_json
from vision.training.heads import build_head

# Names that a careless page would take for its own markup, or that are too wide for a phone.
CLASSES = ["<b>bold", "Größtdampfschifffahrt & mehr"]
OF_EACH = {"train": 3, "validation": 2, "test": 8}
# Of a class's eight test pictures, how many the model gets wrong.
WRONG = 2
PARAMS = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def predictions(folder, wrong=WRONG):
    """As evaluate writes them: the first pictures of each class are wrong."""
    test = folder / "data/subset/test"
    index = pictures.index(test)
    number = index.groupby("label").cumcount().to_numpy()
    sure = 0.55 + 0.05 * number
    # Of the first class, as a rule; not where it is wrong, and else of the other.
    first = (index["label"] == CLASSES[0]).to_numpy() == (number >= wrong)
    said = np.column_stack([np.where(first, sure, 1 - sure), np.where(first, 1 - sure, sure)])
    table = index.assign(md5=[pictures.digest(test / file) for file in index["file"]])
    for model in ("head", "finetuned"):
        table[[f"{model}_{label}" for label in CLASSES]] = said
    return table


def write_run(folder):
    """Write all that the report reads, as the stages write it."""
    rng = np.random.default_rng(0)
    for split, count in OF_EACH.items():
        for label in CLASSES:
            (folder / "data/subset" / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
                path = folder / f"data/subset/{split}/{label}/{number}.png"
                Image.fromarray(pixels).save(path)
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    write_csv(pd.DataFrame(columns=["file", "reason"]), folder / "data/left_out.csv")
    table = predictions(folder)
    write_csv(table, folder / "data/predictions.csv")
    labels = table["label"].map(CLASSES.index).to_numpy()
    said = table[[f"finetuned_{label}" for label in CLASSES]].to_numpy()
    bins = PARAMS["evaluate"]["calibration_bins"]
    score = scores.score(labels, said, bins)
    metrics = {
        "subset": {split: dict.fromkeys(CLASSES, count) for split, count in OF_EACH.items()}
        | {"left_out": dict.fromkeys(CLASSES, 0)},
        "head": {"epochs": 3, "best_epoch": 2},
        "finetune": {"epochs": 0, "best_epoch": 0},
        "evaluate": {"pictures": len(table), "head": score, "finetuned": score}
        | {"baseline": scores.baseline(np.array([1]), labels, CLASSES)},
        "calibration": {"temperature": 1.5, "unsure_below": 0.6}
        | {
            split: {
                "loss_before": 0.5, "loss": 0.4, "calibration_error_before": 0.2,
                "calibration_error": 0.1, "unsure": 0.25, "sure_accuracy": 0.9,
                "sure_accuracy_low": 0.7, "sure_accuracy_high": 0.97,
            }
            for split in ("validation", "test")
        },
        "environment": [
            {
                "stages": ["evaluate"], "python": "3.11", "system": "Linux",
                "processor": {"name": "a processor"}, "threads": 2,
                "libraries": {"keras": "3"}, "flags": {"A_FLAG": "1"},
            }
        ],
    }  # fmt: skip
    for name, content in metrics.items():
        write_json(content, folder / f"metrics/{name}.json")
    history = {"epoch": [1, 2, 3], "train_loss": [0.9, 0.5, 0.3], "train_accuracy": [0.5, 0.7, 0.9]}
    history |= {"validation_loss": [0.8, 0.6, 0.7], "validation_accuracy": [0.5, 0.8, 0.7]}
    write_csv(pd.DataFrame(history), folder / "plots/head.csv")
    write_csv(pd.DataFrame(history)[:0], folder / "plots/finetune.csv")
    for model in ("head", "finetuned"):
        plots = folder / "plots/evaluate"
        write_csv(scores.roc_curve(labels, said), plots / f"{model}_roc.csv")
        write_csv(
            scores.precision_recall_curve(labels, said), plots / f"{model}_precision_recall.csv"
        )
    chosen = {"mirror": True, "temperature": 1.5, "unsure_below": 0.6}
    write_json(chosen, folder / "models/calibration.json")
    model = classifier(build_head(3, 2, TrainHead(**PARAMS["train_head"] | {"l2": 0}), 0))
    saving.save(model, Description(CLASSES, 8, "none"), folder / "models/finetuned.keras")
    note(folder)


def note(folder):
    """Write dvc.yaml and dvc.lock: all parameters, and every file, as a single stage's."""
    files = [path for top in ("data", "metrics", "models", "plots") for path in
             sorted((folder / top).glob("**/*.*")) if path.is_file()]  # fmt: skip
    digests = {path.relative_to(folder).as_posix(): pictures.digest(path) for path in files}
    used = flatten(PARAMS)
    outs = [{path: {"cache": False}} for path in digests]
    stage = {"cmd": "true", "params": list(used), "outs": outs}
    YAML().dump({"stages": {"all": stage}}, folder / "dvc.yaml")
    outs = [{"path": path, "hash": "md5", "md5": digest} for path, digest in digests.items()]
    stage = {"cmd": "true", "params": {"params.yaml": used}, "outs": outs}
    YAML().dump({"schema": "2.0", "stages": {"all": stage}}, folder / "dvc.lock")
    (folder / ".dvc").mkdir(exist_ok=True)
    (folder / ".dvc/config").write_text("[core]\n    no_scm = True\n")


def write_audit(folder):
    """As the stage audit writes it: a copy, what is no picture, and a mistake's two findings."""
    (folder / "data/raw").mkdir()
    for name in ("copy.png", "shot.webp"):
        Image.new("RGB", (30, 20), "teal").save(folder / "data/raw" / name)
    (folder / "data/raw/broken.png").write_bytes(b"")
    rows = [
        ["copy.png", "train", "equal copy", "drop", "it is x.png's <copy>"],
        ["broken.png", "", "broken", "none: it is left out", "empty file"],
        ["shot.webp", "test", "label", "look", "a doubtful label"],
        ["shot.webp", "test", "tiny", "look", "30x20 pixels"],
    ]
    findings = pd.DataFrame(rows, columns=["file", "split", "kind", "action", "reason"])
    write_csv(findings.assign(label=CLASSES[0]), folder / "data/audit.csv")
    # Under the names that they got: of a picture written in another format, another one.
    picked = {"file": ["copy.png", "shot.webp"], "name": ["0.png", "1.png"]}
    write_csv(pd.DataFrame(picked), folder / "data/picked.csv")
    border = {"balanced_accuracy": 0.9, "chance": 0.5, "p": 0.004, "sure": 4}
    write_json({"pictures": 26, "copies": {"equal": 1, "near": 0}, "odd": {"broken": 1},
                "shortcuts": {"border": border}}, folder / "metrics/audit.json")  # fmt: skip


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    return folder


@pytest.fixture
def within(finished_run, monkeypatch):
    """Work in the finished run."""
    monkeypatch.chdir(finished_run)
    return finished_run


@pytest.fixture(scope="session")
def before(finished_run):
    """What another run wrote: another learning rate, and one more picture of each class wrong."""
    metrics = json.loads((finished_run / "metrics/evaluate.json").read_text())
    metrics["finetuned"] = metrics["finetuned"] | {"accuracy": 0.625}
    lock = {"stages": {"all": {"params": {"params.yaml": PARAMS | {"lr": 0.25}}}}}
    return {
        "metrics": metrics,
        "lock": lock,
        "predictions": predictions(finished_run, WRONG + 1).set_index("file"),
    }


@pytest.fixture(scope="session")
def whole(finished_run, before, tmp_path_factory):
    """The contents with everything that there can be, and the page of them."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(finished_run, folder)
    write_audit(folder)
    note(folder)
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch_revision(patch, before)
        found = contents.gather("main")
    return found, page.render(found)


def patch_revision(patch, before):
    """Let `main` name the other run."""
    buffer = io.StringIO()
    YAML().dump(before["lock"], buffer)
    told = {
        LOCK: buffer.getvalue().encode(),
        changes.METRICS: json.dumps(before["metrics"]).encode(),
    }
    here = compare.read_predictions
    patch.setattr(changes, "read_revision", lambda revision, path: told[path])
    patch.setattr(
        changes.compare,
        "read_predictions",
        lambda revision: before["predictions"] if revision == "main" else here(revision),
    )
