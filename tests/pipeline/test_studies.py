"""The pipeline of the studies, through the real dvc command."""

import shutil
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from studies import folds
from tests.pipeline.conftest import STAGES, repro_within

pytestmark = pytest.mark.long

PIPELINE = "studies/dvc.yaml"
PARAMS = "studies/params.yaml"
# Of 12 training pictures of each class: some, and all.
SIZES = ["4", "12"]
BACKBONES = {"as-it-is": {}, "smaller": {"image_size": 32}}
ALL = sorted(
    [
        "cross_validate",
        "nested",
        *(f"{stage}@{size}" for stage in ("train_heads", "finetune") for size in SIZES),
        "learning_curve",
        *(f"backbones@{name}" for name in BACKBONES),
    ]
)


# What the studies need of the main pipeline: no model of its own, and no audit.
BELOW = ["download", "subset", "extract", "extract_views"]


def with_studies(project):
    project.add_pipeline("studies")
    project.set(
        PARAMS,
        learning_curve__sizes=[int(size) for size in SIZES],
        learning_curve__draws=2,
        cross_validate__folds=3,
        nested__folds=2,
        nested__parts=2,
        nested__repeats=1,
        backbones__settings=BACKBONES,
    )
    return project


repro = partial(repro_within, PIPELINE)


@pytest.fixture(scope="module")
def studied(two_classes, tmp_path_factory):
    """A finished run of the main pipeline, and of the studies on it."""
    project = with_studies(two_classes.copy_to(tmp_path_factory.mktemp("studies") / "project"))
    assert project.repro() == []  # it leaves the studies alone
    assert repro(project) == ALL
    return project


def metrics(project, name):
    return project.read_json(f"metrics/{name}.json")


def content(project, name):
    return (project.folder / name).read_bytes()


def test_on_all_pictures_the_head_and_the_fine_tuned_model_are_the_pipeline_s_own(studied):
    """So the study trains as the pipeline does: to the same bytes."""
    assert content(studied, "models/studies/heads/12/head.keras") == content(
        studied, "models/head.keras"
    )
    own, studied_one = metrics(studied, "evaluate"), metrics(studied, "studies/finetuned/12")
    for figure in ("accuracy", "accuracy_low", "accuracy_high"):
        assert studied_one[figure] == own["finetuned"][figure]
    assert metrics(studied, "studies/heads/12")["pipeline_accuracy"] == own["head"]["accuracy"]
    assert studied_one["best_epoch"] == metrics(studied, "finetune")["best_epoch"]


def test_each_draw_is_measured_once(studied):
    assert len(metrics(studied, "studies/heads/4")["draw_accuracy"]) == 2
    assert len(metrics(studied, "studies/heads/12")["draw_accuracy"]) == 1


def test_ways_to_train_the_head_are_compared_on_pictures_that_chose_nothing(studied):
    found = metrics(studied, "studies/nested")
    own, lbfgs, mirror = (found["ways"][name] for name in ("as-it-is", "lbfgs", "mirror"))
    assert own["pictures"] == lbfgs["pictures"] == found["pictures"]
    assert own["difference"] == 0
    assert lbfgs["difference"] == pytest.approx(lbfgs["loss"] - own["loss"])
    assert len({way["loss"] for way in (own, lbfgs, mirror)}) == 3


def test_the_first_backbone_is_the_pipeline_s_own_with_mirror_images_if_it_has_them(
    studied, tmp_path
):
    """In the folds of the ways to train the head: with what the first of these came to."""
    mirrored = studied.copy_to(tmp_path / "project")
    mirrored.set("params.yaml", evaluate__mirror=True)
    mirrored.run("python", "-m", "studies.backbones", "as-it-is")
    for project, way in ((studied, "as-it-is"), (mirrored, "mirror")):
        own = metrics(project, "studies/backbones/as-it-is")["folds"]
        nested = metrics(studied, "studies/nested")["ways"][way]
        assert sum(own["pictures"]) == nested["pictures"]
        assert sum(own["loss"]) / len(own["loss"]) == nested["loss"]


def test_backbones_are_compared_on_the_same_pictures_in_each_fold(studied):
    own, smaller = (metrics(studied, f"studies/backbones/{name}") for name in BACKBONES)
    assert smaller["set"] == {"image_size": 32}
    assert smaller["folds"]["pictures"] == own["folds"]["pictures"]
    assert smaller["folds"]["loss"] != own["folds"]["loss"]


def test_the_curve_is_drawn(studied):
    curve = pd.read_csv(studied.folder / "plots/studies/learning_curve.csv")
    assert curve["pictures_per_class"].tolist() == [4, 12]
    assert curve["head"].tolist() == pytest.approx(
        [metrics(studied, f"studies/heads/{size}")["accuracy"] for size in SIZES]
    )
    with Image.open(studied.folder / "plots/studies/learning_curve.png") as figure:
        figure.load()


def test_pictures_for_training_and_validation_are_cross_validated(studied):
    found = metrics(studied, "studies/cross_validation")
    assert found["pictures"] == 2 * (12 + 6)
    curve = pd.read_csv(studied.folder / "plots/studies/cross_validation.csv")
    best = curve.loc[curve["loss"].idxmin()]
    assert found["l2"] == best["l2"]
    assert found["accuracy"] == pytest.approx(best["accuracy"])
    assert sum(found["fold_accuracy"].values()) / 3 == pytest.approx(best["accuracy"])


def test_the_same_again_gives_the_same_bytes(studied):
    written = ("metrics/studies/cross_validation.json", "plots/studies/cross_validation.csv")
    before = [content(studied, name) for name in written]
    studied.run("python", "-m", "studies.cross_validate")
    assert [content(studied, name) for name in written] == before


def test_a_duplicate_stays_in_one_group(studied, tmp_path, monkeypatch):
    """A file that is there twice, once for training and once for validation."""
    for name in ("data/subset", "data/features", "data/views"):
        shutil.copytree(studied.folder / name, tmp_path / name)
    shutil.copy(studied.folder / "data/picked.csv", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    to = next(Path("data/subset/validation/cat").iterdir())
    to.unlink()
    shutil.copy(next(Path("data/subset/train/cat").iterdir()), to)
    found = len(set(folds.read("near_duplicates", 0.9).groups))
    assert found == metrics(studied, "studies/cross_validation")["groups"] - 1


@pytest.fixture(scope="module")
def workless(new_project):
    """Both pipelines with commands that do no work but write something new."""
    project = with_studies(new_project())
    for path in ("dvc.yaml", PIPELINE):
        project.let_stages_do_no_work(path)
    return project


def test_it_brings_the_features_up_to_date_and_runs_all_studies(workless):
    assert repro(workless) == sorted([*BELOW, *ALL])
    assert repro(workless) == []
    assert sorted(workless.repro()) == sorted(set(STAGES) - set(BELOW))


SMALLER = {"as-it-is": {}, "smaller": {"image_size": 48}}


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("nested__repeats", 2, [*(f"backbones@{name}" for name in BACKBONES), "nested"]),
        ("backbones__settings", SMALLER, ["backbones@smaller"]),
        ("learning_curve__sizes", [4, 5, 12], ["finetune@5", "learning_curve", "train_heads@5"]),
    ],
)
def test_a_changed_parameter_reruns_its_own_study(workless, parameter, value, expected):
    workless.set(PARAMS, **{parameter: value})
    assert repro(workless) == expected


def test_one_size_runs_alone_and_the_others_follow(workless):
    workless.set("params.yaml", lr=1e-5)
    assert repro(workless, "finetune@4") == ["finetune@4"]
    assert repro(workless) == ["finetune@12", "finetune@5", "learning_curve"]
