"""Whole runs of the pipeline, on small sets, through the commands that people type."""

import json
import re
from itertools import combinations

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from tests.pipeline.conftest import STAGES, stages_run

FROM_VIEWS = STAGES[STAGES.index("extract_views") :]
FIGURES = {
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "loss",
    "roc_auc",
    "precision",
    "recall",
    "f1",
    "brier",
    "calibration_error",
}


def draw_shapes(folder):
    """Three classes of simple shapes, in formats, modes and sizes that differ."""
    rng = np.random.default_rng(0)
    forms = [("jpg", "RGB"), ("png", "RGBA"), ("webp", "RGB"), ("bmp", "L"), ("gif", "P")]
    for shape in ("disc", "square", "bar"):
        (folder / shape).mkdir(parents=True)
        for number in range(30):
            suffix, mode = forms[number % len(forms)]
            width, height = (int(side) for side in rng.integers(50, 120, size=2))
            ground, ink = (tuple(int(c) for c in rng.integers(0, 256, size=3)) for _ in range(2))
            image = Image.new("RGB", (width, height), ground)
            draw = ImageDraw.Draw(image)
            x, y = width // 4, height // 4
            match shape:
                case "disc":
                    draw.ellipse((x, y, 3 * x, 3 * y), ink)
                case "square":
                    draw.rectangle((x, y, 3 * x, 3 * y), ink)
                case "bar":
                    draw.rectangle((0, 2 * y - 3, width, 2 * y + 3), ink)
            image.convert(mode).save(folder / shape / f"{number}.{suffix}")


@pytest.fixture(scope="module")
def three_classes(new_project):
    project = new_project(download__source="external", train_head__hidden_units=8, extract__views=2)
    draw_shapes(project.folder / "data/external")
    (project.folder / "data/external/disc/0.jpg").write_bytes(b"")  # left out and replaced
    assert project.repro() == STAGES
    project.commit("Run the pipeline")
    return project


@pytest.fixture(params=["two_classes", "three_classes"])
def project(request):
    return request.getfixturevalue(request.param)


def read_index(project, split):
    return pd.read_csv(project.folder / f"data/features/{split}.csv")


def test_each_split_has_the_pictures_asked_for(project):
    counts = project.read_json("metrics/subset.json")
    for split, expected in {"train": 12, "validation": 6, "test": 6}.items():
        folders = sorted((project.folder / "data/subset" / split).iterdir())
        assert [len(list(folder.iterdir())) for folder in folders] == [expected] * len(folders)
        assert counts[split] == {folder.name: expected for folder in folders}


def test_a_picture_that_cannot_be_decoded_is_named_and_replaced(three_classes):
    counts = three_classes.read_json("metrics/subset.json")
    assert counts["left_out"] == {"bar": 0, "disc": 1, "square": 0}
    rows = pd.read_csv(three_classes.folder / "data/left_out.csv")
    assert rows.to_dict("records") == [
        {"file": "disc/0.jpg", "reason": "empty file", "label": "disc", "kind": "broken"}
    ]
    assert (three_classes.folder / "data/subset/train/disc/1.png.png").exists()


def test_keras_reads_the_subset_folder(project):
    folder = project.folder / "data/subset/train"
    read = keras.utils.image_dataset_from_directory(folder, image_size=(32, 32), verbose=False)
    pictures = sum(len(labels) for _, labels in read)
    assert pictures == len(read_index(project, "train"))
    assert read.class_names == sorted(path.name for path in folder.iterdir())


def test_features_are_plain_float32_rows_in_the_order_of_their_index(project):
    for split in ("train", "validation", "test"):
        rows = np.load(project.folder / f"data/features/{split}.npy", mmap_mode="r")
        index = read_index(project, split)
        assert (rows.dtype, rows.shape) == (np.float32, (len(index), 1280))
        assert list(index["label"]) == sorted(index["label"])
        names = [int(re.search(r"\d+", file)[0]) for file in index["file"]]
        by_class = pd.Series(names).groupby(index["label"])
        assert by_class.apply(lambda numbers: numbers.is_monotonic_increasing).all()


def test_views_are_stored_like_features(three_classes):
    plain = np.load(three_classes.folder / "data/features/train.npy")
    files = sorted((three_classes.folder / "data/views").iterdir())
    assert [file.name for file in files] == ["0.npy", "1.npy"]
    views = [np.load(file, mmap_mode="r") for file in files]
    assert all((rows.dtype, rows.shape) == (plain.dtype, plain.shape) for rows in views)
    for a, b in combinations([plain, *views], 2):
        assert (a != b).any(axis=1).all()


def test_models_take_pictures_and_give_probabilities(project):
    classes = sorted(read_index(project, "train")["label"].unique())
    finetuning = project.read_json("metrics/finetune.json")
    for name in ("head", "finetuned"):
        better = name == "finetuned" and finetuning["best_epoch"]
        model = keras.models.load_model(project.folder / f"models/{name}.keras")
        beside = project.read_json(f"models/{name}.json")
        assert beside == {
            "classes": classes,
            "image_size": 64,
            "backbone": "efficientnet_lite0",
            "trained_from": "block7a" if better else None,
        }
        outputs = model.predict(np.full((2, 64, 64, 3), 127.0), verbose=0)
        if len(classes) == 2:
            assert outputs.shape == (2, 1)
        else:
            assert outputs.sum(axis=1) == pytest.approx(1, abs=1e-5)  # float32
        assert ((outputs >= 0) & (outputs <= 1)).all()


def test_predictions_tell_each_test_picture_its_label_and_the_probabilities(project):
    table = pd.read_csv(project.folder / "data/predictions.csv")
    pd.testing.assert_frame_equal(table[["file", "label"]], read_index(project, "test"))
    metrics = project.read_json("metrics/evaluate.json")
    assert metrics["pictures"] == len(table)
    for name in ("head", "finetuned"):
        probabilities = table.filter(regex=f"^{name}_")
        assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-6)  # 7 digits
        said = probabilities.idxmax(axis=1).str.removeprefix(f"{name}_")
        assert set(metrics[name]) == FIGURES
        assert metrics[name]["accuracy"] == pytest.approx((said == table["label"]).mean())


def test_the_head_alone_gives_the_same_from_pictures_as_from_features(project):
    """The stored features and the model from pixels hold the same network."""
    model = keras.models.load_model(project.folder / "models/head.keras")
    rows = np.load(project.folder / "data/features/test.npy")
    outputs = model.get_layer("head").predict(rows, verbose=0)
    table = pd.read_csv(project.folder / "data/predictions.csv").filter(regex="^head_")
    if outputs.shape[1] == 1:
        outputs = np.hstack([1 - outputs, outputs])
    # float32 sums in another order, and seven digits in the table.
    np.testing.assert_allclose(table.to_numpy(), outputs, atol=1e-5)


def test_figures_are_drawn(project):
    for name in ("samples", "augmentation", "mistakes"):
        with Image.open(project.folder / f"plots/{name}.png") as figure:
            figure.load()


def test_the_report_is_written_and_compares_with_the_commit(two_classes, tmp_path):
    two_classes.run("python", "-m", "tools.report", "--rev", "HEAD", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text()
    assert "What changed since HEAD" in text
    assert text.count("HEAD and this run are right on the very same pictures") == 2
    refused = two_classes.run("python", "-m", "tools.report", "--rev", "nowhere", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: nowhere is no branch")


def test_a_second_run_has_nothing_to_do(project):
    finished = project.dvc("repro")
    assert stages_run(finished.stdout) == []
    assert "up to date" in finished.stdout


def test_plots_are_shown_and_compared(project):
    for command in ("show", "diff"):
        project.dvc("plots", command)
        page = (project.folder / "dvc_plots/index.html").read_text()
        for title in ("ROC", "Reliability", "Confusion of the head", "Loss while fine-tuning"):
            assert title in page


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("evaluate__mistakes", 2, ["evaluate"]),
        ("augmentation__rotation", 30, FROM_VIEWS),
    ],
)
def test_a_changed_parameter_reruns_what_it_affects(three_classes, parameter, value, expected):
    three_classes.set(**{parameter: value})
    assert three_classes.repro() == expected


def test_an_experiment_with_another_learning_rate(two_classes):
    """The command of the README, literally, where git knows no user."""
    history = two_classes.folder / "plots/finetune.csv"
    before = history.read_text()
    finished = two_classes.dvc("exp", "run", "-S", "lr=1e-5")
    assert stages_run(finished.stdout) == ["finetune", "evaluate", "calibrate"]
    assert "lr: 1e-05" in (two_classes.folder / "params.yaml").read_text()
    assert history.read_text() != before

    shown = json.loads(two_classes.dvc("exp", "show", "--json").stdout)
    (experiment,) = shown[1]["experiments"]
    assert experiment["revs"][0]["data"]["params"]["params.yaml"]["data"]["lr"] == 1e-5
    diff = json.loads(two_classes.dvc("metrics", "diff", "--json").stdout)
    assert {file for file, changes in diff.items() if changes} == {
        "metrics/finetune.json",
        "metrics/evaluate.json",
        "metrics/calibration.json",
    }
    assert "finetuned.loss" in two_classes.dvc("metrics", "diff").stdout

    # Going back takes everything from the run cache.
    two_classes.run("git", "checkout", "params.yaml")
    finished = two_classes.dvc("repro")
    assert stages_run(finished.stdout) == []
    assert "Stage 'finetune' is cached - skipping run" in finished.stdout
    assert (two_classes.folder / "dvc.lock").read_bytes() == two_classes.lock
    assert history.read_text() == before


def test_fresh_augmentation_in_every_epoch_remains(two_classes, tmp_path):
    """The first epoch from stored views has the same views; later ones have others."""
    project = two_classes.copy_to(tmp_path / "fresh")
    stored = pd.read_csv(project.folder / "plots/finetune.csv")
    project.set(finetune__views=0)
    assert project.repro() == ["finetune", "evaluate", "calibrate"]
    fresh = pd.read_csv(project.folder / "plots/finetune.csv")
    # float16 has three digits.
    np.testing.assert_allclose(stored.iloc[0], fresh.iloc[0], rtol=0.01)
    assert abs(stored["train_loss"].iloc[-1] / fresh["train_loss"].iloc[-1] - 1) > 0.01


def test_fine_tuning_goes_down_block_by_block_as_long_as_it_pays(two_classes, tmp_path):
    project = two_classes.copy_to(tmp_path / "ladder")
    alone = project.read_json("metrics/finetune.json")
    assert list(alone["blocks"]) == ["block7a"]
    assert alone["best_epoch"] > 0, "the next block is tried only if this one lowered the loss"
    project.set(finetune__unfreeze_from=["block7a", "block6d"])
    assert project.repro()[:2] == ["finetune", "evaluate"]
    summary = project.read_json("metrics/finetune.json")
    assert list(summary["blocks"]) == ["block7a", "block6d"]
    assert summary["blocks"]["block7a"] == alone["blocks"]["block7a"]
    history = pd.read_csv(project.folder / "plots/finetune.csv")
    assert list(history["epoch"]) == list(range(1, summary["epochs"] + 1))
    assert summary["validation_loss"] <= alone["validation_loss"]
    lowest = "block6d" if summary["blocks"]["block6d"]["best_epoch"] else "block7a"
    assert project.read_json("models/finetuned.json")["trained_from"] == lowest


def test_a_head_that_gets_too_few_wrong_is_not_fine_tuned(two_classes, tmp_path):
    project = two_classes.copy_to(tmp_path / "good")
    project.set(finetune__least_wrong=13)  # of 12 validation pictures
    said = project.dvc("repro").stdout
    assert stages_run(said) == ["finetune", "evaluate", "calibrate"]
    assert "not fine-tuned: the head gets " in said
    assert project.read_json("metrics/finetune.json")["epochs"] == 0
    assert project.read_json("models/finetuned.json")["trained_from"] is None
    metrics = project.read_json("metrics/evaluate.json")
    assert metrics["finetuned"] == metrics["head"]


def test_pictures_already_seen_are_not_run_again(two_classes, tmp_path):
    """Also in another clone, and in another split; the bytes are those of a run from scratch."""
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    project = two_classes.copy_to(tmp_path / "first")
    # The first 20 pictures of each class, 8 of them to train on.
    project.set(store__max_gb=1, subset__train=8)
    said = project.run("dvc", "repro", "finetune", env=own).stdout
    assert "were run before" not in said

    another = two_classes.copy_to(tmp_path / "another")
    # The first 24, of which the last 6 are for the test, 12 to train on.
    another.set(store__max_gb=1)
    said = another.run("dvc", "repro", "finetune", env=own).stdout
    assert "features/train: 24 of 24 pictures were run before" in said
    assert "features/test: 4 of 12 pictures were run before" in said
    # Views of the 8 only.
    assert "train/0: 16 of 24 pictures were run before" in said
    for name in ("data/features/train.npy", "data/features/test.npy", "models/finetuned.keras"):
        scratch = (two_classes.folder / name).read_bytes()
        assert (another.folder / name).read_bytes() == scratch

    # Nor are those that the models are measured on, whatever was trained on top.
    another.run("dvc", "repro", env=own)
    scratch = (two_classes.folder / "data/predictions.csv").read_bytes()
    assert (another.folder / "data/predictions.csv").read_bytes() == scratch
    another.set(lr=2e-5)
    said = another.run("dvc", "repro", env=own).stdout
    assert stages_run(said) == ["finetune", "evaluate", "calibrate"]
    # By fine-tuning, and then by the evaluation.
    assert "train/0: 24 of 24 pictures were run before" in said
    for split in ("validation", "test"):
        assert f"\n{split}: 12 of 12 pictures were run before" in said
