"""Groups and given splits in the stage subset: bursts of five pictures of each subject."""

import importlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.code import ROOT
from tests.files import write_given
from tests.stages.test_bad_input import set_parameters
from vision import pictures
from vision.audit.labels import predict

SHARES = {"subset__train": 0.5, "subset__validation": 0.1, "subset__test": 0.4}
SUBJECT = r"^(subject\d+)_"
CLASSES = ("cat", "dog")


def burst(label, subject, count=5):
    """Draw shots of a subject, whose looks say far more of it than of its class."""
    rng = np.random.default_rng([CLASSES.index(label), subject])
    looks = rng.normal(110, 40, (8, 8, 3))
    looks[..., 0] += 12 * CLASSES.index(label)
    for _ in range(count):
        shot = looks + rng.normal(0, 6, looks.shape)
        yield Image.fromarray(shot.clip(0, 255).astype(np.uint8))


def features(shown):
    return np.array([np.asarray(picture) for picture in shown], dtype=np.float32).reshape(-1, 192)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """40 subjects of each class, five pictures of each."""
    folder = tmp_path_factory.mktemp("drawn")
    for label in CLASSES:
        (folder / label).mkdir()
        for subject in range(40):
            for number, shot in enumerate(burst(label, subject)):
                shot.save(folder / label / f"subject{subject}_{number}.png")
    return folder


@pytest.fixture
def workspace(drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.import_module("stages.subset"), "draw_samples", lambda: None)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(drawn, tmp_path / "data/raw")
    (tmp_path / "data/corrections.csv").write_text("file,action,label,reason\n")
    write_given(tmp_path)
    set_parameters(tmp_path, **SHARES)
    return tmp_path


def subset(workspace, **parameters):
    set_parameters(workspace, **{f"subset__{name}": value for name, value in parameters.items()})
    importlib.import_module("stages.subset").main()
    return json.loads((workspace / "metrics/subset.json").read_text())


def picked(workspace):
    return pd.read_csv(workspace / "data/picked.csv", dtype=str, keep_default_na=False)


def splits_of_subjects(workspace):
    table = picked(workspace)
    subjects = table["file"].str.extract(r"(.+)_")[0]
    return table["split"].groupby(subjects).nunique()


def flattery(workspace):
    """By how much the test is better than what the same classifier does on new subjects."""
    rows, labels = {}, {}
    for split in ("train", "test"):
        index = pictures.index(workspace / "data/subset" / split)
        shown = (Image.open(workspace / "data/subset" / split / file) for file in index["file"])
        rows[split], labels[split] = features(shown), index["label"].map(CLASSES.index).to_numpy()
    new = [(label, 1000 + number) for label in CLASSES for number in range(200)]
    rows["new"] = features(next(burst(label, subject)) for label, subject in new)
    labels["new"] = np.array([CLASSES.index(label) for label, _ in new])
    everything, of_all = np.concatenate([*rows.values()]), np.concatenate([*labels.values()])
    numbers = np.split(np.arange(len(of_all)), np.cumsum([len(of) for of in labels.values()])[:-1])
    accuracy = {
        split: (
            predict(everything, of_all, numbers[0], others).argmax(axis=1) == labels[split]
        ).mean()
        for split, others in zip(("test", "new"), numbers[1:], strict=True)
    }
    print(accuracy)
    return accuracy["test"] - accuracy["new"]


@pytest.mark.parametrize("seed", [1, 2])
def test_bursts_flatter_unless_they_are_kept_together(workspace, seed):
    set_parameters(workspace, seed=seed)
    subset(workspace, order="shuffled")
    assert splits_of_subjects(workspace).mean() > 2
    assert flattery(workspace) > 0.1
    subset(workspace, group_by=SUBJECT)
    assert splits_of_subjects(workspace).max() == 1
    assert flattery(workspace) < 0.05


def test_classes_keep_their_shares_though_groups_are_whole(workspace):
    counts = subset(workspace, group_by=SUBJECT)
    assert [counts[split]["dog"] for split in pictures.SPLITS] == [100, 20, 80]
    assert counts["groups"] == {
        split: dict.fromkeys(CLASSES, subjects)
        for split, subjects in zip(pictures.SPLITS, (20, 4, 16), strict=True)
    }
