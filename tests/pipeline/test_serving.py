"""A finished run's model in people's hands: predictions, revisions, the bundle, the registry."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from serving import bundle, classifier
from vision import pictures
from vision.models.calibration import Calibration
from vision.runtime.errors import UserError

TEST = "data/subset/test"


@pytest.fixture(scope="module")
def project(two_classes, tmp_path_factory):
    """A copy of a finished run that nobody changes."""
    return two_classes.copy_to(tmp_path_factory.mktemp("serving") / "project")


@pytest.fixture
def own(project, tmp_path):
    """A copy of it to change."""
    return project.copy_to(tmp_path / "project")


@pytest.fixture
def inside(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    return project


def predict(project, *arguments):
    said = project.run("python", "-m", "few", "predict", "--csv", *arguments, TEST)
    return pd.read_csv(io.StringIO(said.stdout))


def test_test_pictures_are_told_as_the_evaluation_told_them(project):
    said = predict(project).set_index("file")
    told = pd.read_csv(project.folder / "data/predictions.csv")
    calibration = Calibration.from_json(
        (project.folder / "models/calibration.json").read_text(encoding="utf-8")
    )
    columns = said.columns[said.columns.str.startswith("probability_")]
    assert list(columns) == ["probability_cat", "probability_dog"]
    expected = calibration.apply(told[["finetuned_cat", "finetuned_dog"]].to_numpy())
    found = said.loc[[f"{TEST}/{file}" for file in told["file"]], columns].to_numpy()
    # Two networks were one there; the last bits differ.
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_calibration_is_measured_on_both_sets(project):
    figures = project.read_json("metrics/calibration.json")
    assert figures["validation"]["loss"] <= figures["validation"]["loss_before"]
    assert set(figures["test"]) <= set(figures["validation"])


def test_a_prediction_waits_for_no_large_library(project):
    """TensorFlow alone takes longer to import than a first answer may."""
    said = project.run(
        "python",
        "-c",
        "import sys; from few.command import main\n"
        f"sys.argv[1:] = ['predict', '{TEST}']\nmain()\n"
        "print({'tensorflow', 'keras', 'pandas', 'scipy', 'sklearn', 'dvc'} & set(sys.modules))",
    )
    assert said.stdout.splitlines()[-1] == "set()"


def test_the_first_answer_takes_less_than_three_seconds(project):
    """From a cold start, as of a program that nobody has run before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "few", "predict", next((project.folder / TEST).glob("*/*"))],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    # The processor's time, which is the wait where nothing else runs; whatever runs beside the
    # tests stretches the wait, and this by a little. It was less than 1 s: 3 leaves twice as much.
    assert usage.ru_utime + usage.ru_stime < 3


def test_a_revision_is_used_where_the_workspace_has_no_model(own, project):
    shutil.rmtree(own.folder / "models")
    said = own.run("python", "-m", "few", "predict", TEST, check=False)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("error: models/finetuned.json is missing; `few train`")
    assert said.stderr.count("\n") == 1
    pd.testing.assert_frame_equal(predict(own, "--rev", "HEAD"), predict(project))


def test_two_bundles_are_the_same_bytes_and_classify_as_the_workspace_does(inside, tmp_path):
    for name in ("a.zip", "b.zip"):
        bundle.write(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    batch = pictures.load_batch([*inside.folder.glob(f"{TEST}/*/*")], 64)
    np.testing.assert_array_equal(
        classifier.open_model(bundle=tmp_path / "a.zip").probabilities(batch),
        classifier.open_model().probabilities(batch),
    )
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert set(archive.namelist()) == {
            *("README.md", "manifest.json", "params.yaml", "predict.py"),
            *("model.keras", "model.tflite", "model.json", "calibration.json"),
        }
    assert manifest["commit"] == inside.run("git", "rev-parse", "HEAD").stdout.strip()
    assert not manifest["uncommitted_changes"]
    evaluation = inside.read_json("metrics/evaluate.json")
    figures = manifest["metrics"]
    assert figures["accuracy"] == evaluation["finetuned"]["accuracy"]
    calibrated = inside.read_json("metrics/calibration.json")["test"]
    assert calibrated.items() <= figures.items()
    for name in ("accuracy", "roc_auc", "unsure", "loss", "brier", "calibration_error"):
        assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"]


def use_the_head(project):
    (project.folder / "models/finetuned.keras").unlink()
    shutil.copy(project.folder / "models/head.keras", project.folder / "models/finetuned.keras")


def commit_other_code(project):
    with (project.folder / "vision/networks/cut.py").open("a") as file:
        file.write("# better\n")
    project.commit("Improve")


def forget_the_predictions(project):
    (project.folder / "data/predictions.csv").unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (use_the_head, "changed since the last run: models/finetuned.keras; `dvc repro`"),
        (commit_other_code, "changed since the last run: vision/networks; `dvc repro`"),
        (forget_the_predictions, "data/predictions.csv is missing; `dvc checkout` brings it"),
    ],
)
def test_a_model_is_packed_only_with_what_it_was_made_of(own, tmp_path, monkeypatch, change, said):
    """Or its card would name a commit or figures that are not its own."""
    change(own)
    monkeypatch.chdir(own.folder)
    with pytest.raises(UserError, match=f"^{said}"):
        bundle.write(tmp_path / "bundle.zip")
    assert not (tmp_path / "bundle.zip").exists()


def test_the_model_registry_knows_the_model(own):
    own.run("git", "config", "user.name", "A")
    own.run("git", "config", "user.email", "a@b")
    own.run("gto", "register", "classifier")
    own.dvc("artifacts", "get", ".", "classifier", "--out", "registered.keras")
    model = own.folder / "models/finetuned.keras"
    assert (own.folder / "registered.keras").read_bytes() == model.read_bytes()
