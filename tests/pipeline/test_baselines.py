"""The pipeline of the networks trained from scratch, through the real dvc command."""

import shutil
from functools import partial

import keras
import pandas as pd
import pytest
from PIL import Image

from tests.pipeline.conftest import STAGES, repro_within
from tests.pipeline.test_contract import BASELINES
from tests.pipeline.test_runs import FIGURES

pytestmark = pytest.mark.long

PIPELINE = "baselines/dvc.yaml"
PARAMS = "baselines/params.yaml"
FORMS = ("plain", "augmented")


repro = partial(repro_within, PIPELINE)


def of(*networks, stages=("train", "evaluate"), forms=FORMS):
    return sorted(f"{s}@{n}-{form}" for s in stages for n in networks for form in forms)


@pytest.fixture(scope="module")
def workless(new_project):
    """Both pipelines with commands that do no work but write something new."""
    project = new_project()
    project.add_pipeline("baselines")
    for path in ("dvc.yaml", PIPELINE):
        project.let_stages_do_no_work(path)
    return project


def test_it_brings_the_pictures_up_to_date_and_runs_all_networks(workless):
    assert repro(workless) == sorted(["download", "subset", *BASELINES])
    assert repro(workless) == []
    assert set(workless.repro()) == set(STAGES[2:])  # the pictures are there


def test_the_main_pipeline_leaves_it_alone_and_a_network_reruns_by_its_own_parameters(workless):
    workless.set(PARAMS, **{"book-1st-edition__augmented__augmentation__flip": False})
    assert workless.repro() == []
    assert repro(workless) == sorted([*of("book-1st-edition", forms=["augmented"]), "draw"])
    workless.set(PARAMS, **{"book-1st-edition__image_size": 90})
    assert repro(workless) == sorted([*of("book-1st-edition"), "draw"])


@pytest.fixture(scope="module")
def trained(new_project):
    """A finished run of one network, on few pictures and for few epochs."""
    project = new_project(download__sample_pictures=26)
    project.add_pipeline("baselines")
    small = {"image_size": 80}
    small |= {f"{form}__epochs": 2 for form in FORMS}
    project.set(PARAMS, **{f"blog-2016__{key}": value for key, value in small.items()})
    assert repro(project, *of("blog-2016", stages=["evaluate"])) == sorted(
        ["download", "subset", *of("blog-2016")]
    )
    assert repro(project, *of("blog-2016", stages=["evaluate"])) == []
    return project


@pytest.mark.parametrize("form", FORMS)
def test_a_network_is_trained_and_measured(trained, form):
    name = f"blog-2016-{form}"
    model = keras.models.load_model(trained.folder / f"models/baselines/{name}.keras")
    layers = [type(layer).__name__ for layer in model.layers]
    assert ("Dropout" in layers) == (form == "augmented")

    history = pd.read_csv(trained.folder / f"plots/baselines/{name}.csv")
    assert list(history["epoch"]) == [1, 2]
    metrics = trained.read_json(f"metrics/baselines/{name}.json")
    assert metrics["parameters"] == model.count_params()
    assert metrics["epochs"] == 2
    assert set(metrics["validation"]) == set(metrics["test"]) == FIGURES
    # The weights kept are those of the best epoch. Seven digits in the table, float32 sums.
    if metrics["best_epoch"]:
        best = history.iloc[metrics["best_epoch"] - 1]
        assert metrics["validation"]["loss"] == pytest.approx(best["validation_loss"], rel=1e-4)

    table = pd.read_csv(trained.folder / f"data/baselines/{name}.csv")
    assert list(table) == ["file", "label", "md5", f"{name}_cat", f"{name}_dog"]
    said = table.filter(regex=f"^{name}_").idxmax(axis=1).str.removeprefix(f"{name}_")
    assert metrics["test"]["accuracy"] == pytest.approx((said == table["label"]).mean())


def test_the_forms_see_other_pictures_from_the_same_start(trained):
    """Views and dropout make the difference."""
    plain, augmented = (
        pd.read_csv(trained.folder / f"plots/baselines/blog-2016-{form}.csv") for form in FORMS
    )
    assert (plain["train_loss"] != augmented["train_loss"]).all()


def test_the_environment_is_noted(trained):
    (noted,) = trained.read_json("metrics/environment.json")
    assert "baselines: train blog-2016-plain" in noted["stages"]


def test_curves_are_drawn_and_overlaid(trained):
    histories = trained.folder / "plots/baselines"
    for form in FORMS:
        for other in ("book-1st-edition", "book-2nd-edition"):
            shutil.copy(histories / f"blog-2016-{form}.csv", histories / f"{other}-{form}.csv")
    trained.run("python", "-m", "baselines.draw")
    with Image.open(trained.folder / "plots/baselines.png") as figure:
        figure.load()
    trained.dvc("plots", "show")
    page = (trained.folder / "dvc_plots/index.html").read_text()
    assert "Validation accuracy of the networks trained from scratch" in page
    assert "Accuracy while training book-1st-edition" in page
