"""Recipes of the literature: their files, the command that each makes, and what is refused."""

import shutil
import socket

import keras
import pytest
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
from ruamel.yaml import YAML

from tests.code import ROOT
from tests.pipeline.test_contract import ALL_PARAMETERS
from tools import experiment, recipe
from vision.networks.backbones import BACKBONES
from vision.params import load_params
from vision.runtime.program import run

NAMES = ["book-1st-edition", "book-2nd-edition", "keras-blog-2016", "r-edition"]
# What no recipe sets: the literature has no seed and no audit, and any pictures will do.
KEPT = {"seed", "evaluate.calibration_bins", "evaluate.mistakes"} | {
    name
    for name in ALL_PARAMETERS
    if name.startswith(("download.", "store.", "audit.", "calibrate."))
}
PARAMS = load_params(ROOT / "params.yaml")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A folder with params.yaml and data/weights, where nothing may be run."""

    def refuse(*command):
        raise AssertionError(command)

    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "data/weights").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiment.os, "execve", refuse)
    monkeypatch.setattr(experiment.subprocess, "run", refuse)
    timeout = socket.getdefaulttimeout()
    yield tmp_path
    socket.setdefaulttimeout(timeout)


@pytest.fixture
def refused(workspace, capsys):
    """Gives the one line with which a recipe is refused."""

    def start(name, backbone="", weights=""):
        with pytest.raises(SystemExit) as end:
            run(lambda: recipe.run_recipe(name, backbone, weights, ""))
        assert end.value.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return start


# --- the files ---


def test_the_rows_of_the_literature_are_there():
    assert recipe.names() == NAMES
    least = min(recipe.read_recipe(name).backbone.image_size for name in NAMES)
    assert all(base.least_size <= least for base in BACKBONES.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_sets_all_but_what_is_the_workspace_s_and_trains_as_the_literature_did(name):
    chosen = recipe.read_recipe(name)
    assert set(experiment.flatten(chosen.model_dump())) == ALL_PARAMETERS - KEPT
    assert (chosen.backbone.name, chosen.backbone.weights) == ("vgg16", "imagenet")
    assert (chosen.backbone.pooling, chosen.train_head.hidden_units) == ("none", 256)
    assert (chosen.train_head.l2, chosen.evaluate.mirror) == (0, False)
    for training in (chosen.train_head, chosen.finetune):
        assert training.schedule == "constant"
        assert training.patience == training.epochs  # so that all of them run


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lr: 2", "lr = 2 is refused"),
        ("lr: 1\nseed: 1", "seed = 1 is unknown"),
        ("", "lr is missing"),
    ],
)
def test_a_recipe_that_the_schema_refuses_is_told_in_one_line(
    refused, workspace, monkeypatch, line, said
):
    text = (ROOT / "recipes/r-edition.yaml").read_text()
    (workspace / "mine.yaml").write_text(text.replace("lr: 1.0e-5\n", line + "\n", 1))
    monkeypatch.setattr(recipe, "RECIPES", workspace)
    assert f"mine.yaml: {said}" in refused("mine")


# --- the command ---


@pytest.mark.parametrize("name", NAMES)
def test_dvc_reads_the_recipe_from_the_command(tmp_path, name):
    """And leaves the rest of params.yaml as it is."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    chosen = recipe.read_recipe(name)
    arguments = experiment.sets(recipe.values(chosen, PARAMS.download))
    assert set(arguments[::2]) == {"--set-param"}
    apply_overrides(tmp_path / "params.yaml", arguments[1::2])
    before, after = (
        experiment.flatten(params.model_dump())
        for params in (PARAMS, load_params(tmp_path / "params.yaml"))
    )
    expected = before | experiment.flatten(chosen.model_dump())
    pictures = "download.sample_pictures"
    assert after == expected | {pictures: after[pictures]}


@pytest.mark.parametrize(
    ("source", "there", "asked"),
    [("sample", 2499, 2500), ("sample", 2500, None), ("external", 2000, None)],
)
def test_as_many_pictures_are_drawn_as_the_recipe_needs(source, there, asked):
    download = PARAMS.download.model_copy(update={"source": source, "sample_pictures": there})
    values = recipe.values(recipe.read_recipe("book-2nd-edition"), download)
    assert values.get("download.sample_pictures") == asked


@pytest.mark.parametrize(
    "value",
    [
        *(True, False, None, 0, 7, 0.5, 1e-5, "avg", "data/weights/my, 'own' [1] = {x}.h5"),
        *(["block7a", "block5a"], [0.001, 0.1]),
    ],
)
def test_any_value_reaches_params_yaml_as_it_is(tmp_path, value):
    (tmp_path / "params.yaml").write_text("some:\n  key: other\n")
    override = f"some.key={experiment.written(value)}"
    assert len(get_hydra_sweeps({"params.yaml": [override]})) == 1  # no grid
    apply_overrides(tmp_path / "params.yaml", [override])
    found = YAML(typ="safe", pure=True).load(tmp_path / "params.yaml")["some"]["key"]
    assert (found, type(found)) == (value, type(value))


# --- another base ---


@pytest.mark.parametrize("name", ["book-2nd-edition", "keras-blog-2016"])
def test_another_base_changes_the_base_its_preprocessing_and_the_block_alone(name):
    own = recipe.read_recipe(name)
    chosen = recipe.with_base(own, "mobilenet_v2", "random", "")
    chosen = recipe.with_equivalent_block(chosen, recipe.build_base(chosen.backbone))
    before, after = (experiment.flatten(each.model_dump()) for each in (own, chosen))
    assert after == before | {
        "backbone.name": "mobilenet_v2",
        "backbone.weights": "random",
        "backbone.preprocessing": "published",
        "finetune.unfreeze_from": "block_13",
    }


def test_pixels_are_scaled_as_in_the_source_or_as_asked():
    published = recipe.read_recipe("book-2nd-edition")
    assert published.backbone.preprocessing == "published"
    for name in set(NAMES) - {"book-2nd-edition"}:
        own = recipe.read_recipe(name)
        assert own.backbone.preprocessing == "rescale"
        chosen = recipe.with_base(own, "", "", "published")
        assert chosen.backbone.preprocessing == "published"


# The first block at whose end maps are an 8th of the picture's size, and a 32nd.
@pytest.mark.parametrize(
    ("base", "third", "fifth"),
    [("vgg16", "block3", "block5"), ("efficientnet_lite0", "block3a", "block6a")],
)
def test_the_blocks_of_another_base_that_stand_for_vgg16_s(base, third, fifth):
    for name, block in (("r-edition", third), ("book-1st-edition", fifth)):
        chosen = recipe.with_base(recipe.read_recipe(name), base, "random", "")
        conv_base = recipe.build_base(chosen.backbone)
        assert recipe.with_equivalent_block(chosen, conv_base).finetune.unfreeze_from == block


# --- what is refused before anything runs ---


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Keras without downloaded weights, whose host refuses; gives that host."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    name = keras.applications.vgg16.VGG16.__module__
    monkeypatch.setattr(f"{name}.WEIGHTS_PATH_NO_TOP", f"http://{host}/models/vgg16_notop.h5")
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path / "keras"))
    return host


def test_weights_out_of_reach_are_told_at_the_start(refused, no_network):
    assert refused("r-edition") == (
        f"error: {no_network} could not be reached for the ImageNet weights of vgg16; give a file "
        "of them by --weights data/weights/vgg16_notop.h5, or take another base by "
        "--backbone efficientnet_lite0, whose weights are installed"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        *(
            ([name], f"{name!r} is no recipe; there are {', '.join(NAMES)}")
            for name in ("", "../params", "r-edition.yaml")
        ),
        (
            ["r-edition", "alexnet"],
            f"alexnet is no convolutional base; there are {', '.join(BACKBONES)}",
        ),
        (["r-edition", "", "data/weights/broken.h5"], "broken.h5 is no file of Keras weights"),
        (["r-edition", "", "data/weights/missing.h5"], "missing.h5 is neither"),
    ],
)
def test_what_cannot_be_used_is_told_at_the_start(refused, workspace, arguments, said):
    (workspace / "data/weights/broken.h5").write_bytes(b"no weights")
    assert said in refused(*arguments)


def test_a_bad_params_yaml_is_told_at_the_start(refused, workspace):
    (workspace / "params.yaml").write_text("seed: 1\n")
    assert refused("r-edition").startswith("error: params.yaml: lr is missing")
