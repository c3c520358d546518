"""Whole runs of the pipeline, on small sets, through the commands that people type."""

import hashlib
import json
import re
from itertools import combinations

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.pipeline.conftest import STAGES, stages_run

FIGURES = {
    *("accuracy", "accuracy_low", "accuracy_high", "loss", "roc_auc", "precision", "recall"),
    *("f1", "brier", "calibration_error", "balanced_accuracy"),
}


def draw_pictures(folder):
    """Three classes of one-coloured noise, in formats, modes and sizes that differ."""
    rng = np.random.default_rng(0)
    forms = [("jpg", "RGB"), ("png", "RGBA"), ("webp", "RGB"), ("bmp", "L"), ("gif", "P")]
    for label, light in (("dark", 40), ("grey", 100), ("light", 160)):
        (folder / label).mkdir(parents=True)
        for number in range(30):
            suffix, mode = forms[number % len(forms)]
            width, height = rng.integers(50, 120, size=2)
            pixels = light + rng.integers(0, 96, (height, width, 3))
            image = Image.fromarray(pixels.astype(np.uint8))
            image.convert(mode).save(folder / label / f"{number}.{suffix}")


@pytest.fixture(scope="module")
def three_classes(new_project):
    project = new_project(download__source="external", train_head__hidden_units=8, extract__views=2)
    draw_pictures(project.folder / "data/external")
    (project.folder / "data/external/dark/0.jpg").write_bytes(b"")  # left out and replaced
    assert project.repro() == STAGES
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
    assert counts["left_out"] == {"dark": 1, "grey": 0, "light": 0}
    rows = pd.read_csv(three_classes.folder / "data/left_out.csv")
    assert rows.to_dict("records") == [
        {"file": "dark/0.jpg", "reason": "empty file", "label": "dark", "kind": "broken"}
    ]
    assert (three_classes.folder / "data/subset/train/dark/1.png.png").exists()


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
    files = sorted((three_classes.folder / "data/views").glob("*.npy"))
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


def test_plots_are_shown(three_classes):
    three_classes.dvc("plots", "show")
    page = (three_classes.folder / "dvc_plots/index.html").read_text()
    for title in ("ROC", "Reliability", "Confusion of the head", "Loss while fine-tuning"):
        assert title in page


def test_the_report_is_written_and_compares_with_the_commit(two_classes, tmp_path):
    two_classes.run("python", "-m", "few", "report", "--rev", "HEAD", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text()
    assert "What changed since HEAD" in text
    assert text.count("HEAD and this run are right on the very same pictures") == 2
    refused = two_classes.run("python", "-m", "few", "report", "--rev", "nowhere", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: nowhere is no branch")


def test_a_second_run_has_nothing_to_do(project):
    finished = project.dvc("repro")
    assert stages_run(finished.stdout) == []
    assert "up to date" in finished.stdout


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
        f"metrics/{name}.json" for name in ("finetune", "evaluate", "calibration")
    }

    # Going back takes everything from the run cache.
    two_classes.run("git", "checkout", "params.yaml")
    finished = two_classes.dvc("repro")
    assert stages_run(finished.stdout) == []
    assert "Stage 'finetune' is cached - skipping run" in finished.stdout
    assert (two_classes.folder / "dvc.lock").read_bytes() == two_classes.lock
    assert history.read_text() == before


def test_fine_tuning_goes_down_block_by_block_as_long_as_it_pays(two_classes, tmp_path):
    """And trains nothing where the head gets too few wrong to tell what pays."""
    project = two_classes.copy_to(tmp_path / "project")
    project.set(finetune__least_wrong=13)  # of 12 validation pictures
    assert "not fine-tuned: the head gets " in project.by_hand("finetune")
    assert project.read_json("metrics/finetune.json")["epochs"] == 0
    assert project.read_json("models/finetuned.json")["trained_from"] is None

    alone = two_classes.read_json("metrics/finetune.json")
    assert alone["best_epoch"] > 0, "the next block is tried only if this one lowered the loss"
    project.set(finetune__least_wrong=0, finetune__unfreeze_from=["block7a", "block6d"])
    project.by_hand("finetune")
    summary = project.read_json("metrics/finetune.json")
    assert list(summary["blocks"]) == ["block7a", "block6d"]
    assert summary["blocks"]["block7a"] == alone["blocks"]["block7a"]
    history = pd.read_csv(project.folder / "plots/finetune.csv")
    assert list(history["epoch"]) == list(range(1, summary["epochs"] + 1))
    lowest = "block6d" if summary["blocks"]["block6d"]["best_epoch"] else "block7a"
    assert project.read_json("models/finetuned.json")["trained_from"] == lowest


def test_one_network_of_several_is_fine_tuned_and_measured_beside_the_others(two_classes, tmp_path):
    project = two_classes.copy_to(tmp_path / "project")
    project.set(
        backbone__name="efficientnet_lite0+efficientnet_lite1",
        backbone__image_size=[32, 64],
        finetune__unfreeze_from="efficientnet_lite0/block7a",
        lr=[0.9, 4e-4],  # the first makes nothing better
        finetune__epochs=2,
    )
    said = project.by_hand("extract", "train_head", "finetune", "evaluate")
    assert "efficientnet_lite0 beside the others: validation loss" in said
    summary = project.read_json("metrics/finetune.json")
    block, stacked = summary["blocks"]["block7a"], summary["stacked"]
    assert block["learning_rate"] == 4e-4
    assert set(stacked["weights"]) == {"efficientnet_lite0", "others"}
    kept = summary["best_epoch"] > 0
    if kept:
        assert block["best_epoch"] > 0
        assert stacked["validation_loss"] < summary["validation_loss_before"]
    described = project.read_json("models/finetuned.json")
    assert described["image_size"] == 64
    assert described["trained_from"] == ("efficientnet_lite0/block7a" if kept else None)
    evaluation = project.read_json("metrics/evaluate.json")
    assert (evaluation["head"] != evaluation["finetuned"]) == kept


@pytest.fixture(scope="module")
def by_hand(two_classes, tmp_path_factory):
    """All stages without dvc, on fewer training pictures, where outputs are links into its cache.

    With a store of their own, which is empty at first.
    """
    folder = tmp_path_factory.mktemp("by_hand")
    project = two_classes.copy_to(folder / "project")
    project.dvc("config", "--local", "cache.type", "symlink")
    project.dvc("checkout", "--quiet", "--relink")
    assert len(links(project)) > 50
    project.set(store__max_gb=1, subset__train=8)
    project.store = {"XDG_CACHE_HOME": str(folder / "store")}
    project.said = project.by_hand(*STAGES[:-2], **project.store)
    project.by_hand(*STAGES[-2:], **project.store)
    return project


def links(project):
    folders = [project.folder / name for name in ("data", "models", "plots", "metrics")]
    return [path for folder in folders for path in folder.rglob("*") if path.is_symlink()]


def test_stages_that_run_by_hand_leave_the_cache_as_it_is(by_hand):
    """They replace the links; what they wrote through one would change it for all revisions."""
    assert links(by_hand) == []
    for path in (by_hand.folder / ".dvc/cache/files/md5").rglob("*"):
        if path.is_file():
            name = path.parent.name + path.name.removesuffix(".dir")
            assert hashlib.md5(path.read_bytes()).hexdigest() == name


def test_pictures_already_seen_are_not_run_again(two_classes, by_hand, tmp_path):
    """Also in another clone, and in another split; the bytes are those of a run from scratch."""
    assert "were run before" not in by_hand.said
    project = two_classes.copy_to(tmp_path / "another")
    # The first 24 of each class, of which the last 6 are for the test, 12 to train on; the first
    # 20 were seen, 8 of them to train on.
    project.set(store__max_gb=1)
    said = project.by_hand("extract", "finetune", "evaluate", **by_hand.store)
    assert "features/train: 24 of 24 pictures were run before" in said
    assert "features/test: 4 of 12 pictures were run before" in said
    # Views of the 8 only.
    assert "train/0: 16 of 24 pictures were run before" in said
    outputs = ["data/features/train.npy", "data/features/test.npy"]
    for name in [*outputs, "models/finetuned.keras", "data/predictions.csv"]:
        scratch = (two_classes.folder / name).read_bytes()
        assert (project.folder / name).read_bytes() == scratch

    # Nor are those that the models are measured on, whatever was trained on top.
    project.set(lr=2e-5)
    said = project.by_hand("finetune", "evaluate", **by_hand.store)
    assert "train/0: 24 of 24 pictures were run before" in said
    for split in ("validation", "test"):
        assert f"\n{split}: 12 of 12 pictures were run before" in said
