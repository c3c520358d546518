"""What a user can get wrong: each is one line on stderr that says what to do, and status 1."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.code import ROOT
from tests.files import files_below
from tools.experiment import set_params
from vision.pictures import FORMAT_NAMES
from vision.runtime.program import run

STAGES = sorted(path.stem for path in (ROOT / "stages").glob("[!_]*.py"))


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data/corrections.csv", tmp_path / "data")
    set_parameters(tmp_path, backbone__name="efficientnet_lite0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_parameters(folder, **parameters):
    values = {name.replace("__", "."): value for name, value in parameters.items()}
    set_params(folder / "params.yaml", values)


def complaint_of(stage, capfd):
    """Run a stage that must fail; give the one line that it says."""
    with pytest.raises(SystemExit) as exit_:
        run(importlib.import_module(f"stages.{stage}").main)
    assert exit_.value.code == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def put_pictures(folder, names, size=(40, 30)):
    rng = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"finetune__epoch": 3}, "finetune.epoch = 3 is unknown"),
        ({"lr": "fast"}, "lr = 'fast'"),
        ({"train_head__dropout": 1.0}, "train_head.dropout = 1.0"),
        ({"backbone__name": "resnet51"}, "backbone.name = 'resnet51'"),
    ],
)
def test_every_stage_refuses_wrong_parameters(workspace, capfd, stage, parameters, said):
    set_parameters(workspace, **parameters)
    assert said in complaint_of(stage, capfd)


def test_a_class_with_too_few_pictures(workspace, capfd):
    set_parameters(workspace, subset__train=3, subset__validation=2, subset__test=2)
    put_pictures(workspace / "data/raw", [f"cat/{n}.png" for n in range(7)])
    put_pictures(workspace / "data/raw", [f"dog/{n}.png" for n in range(5)])
    (workspace / "data/raw/dog/6.jpg").write_text("no picture")
    said = complaint_of("subset", capfd)
    assert "class dog has too few pictures: 5 can be used and 1 can't be decoded" in said
    assert "train 3, validation 2, test 2" in said
    assert not (workspace / "data/subset").exists()


def test_all_classes_with_too_few_pictures_are_named_at_once(workspace, capfd):
    set_parameters(workspace, subset__train=3, subset__validation=2, subset__test=2)
    for label, count in {"ant": 7, "bee": 2, "cow": 6, "dog": 9}.items():
        put_pictures(workspace / "data/raw", [f"{label}/{n}.png" for n in range(count)])
    with pytest.raises(SystemExit):
        run(importlib.import_module("stages.subset").main)
    bee, cow = [line for line in capfd.readouterr().err.splitlines() if line]
    assert bee == "error: class bee has too few pictures: 2 can be used and 0 can't be decoded"
    assert cow.startswith("error: class cow has too few pictures: 6 can be used and 0 can't be")
    assert "add pictures" in cow


@pytest.mark.parametrize(("count", "told"), [(2, False), (3, True)])
def test_a_set_that_is_all_but_black_is_told(workspace, capfd, count, told):
    set_parameters(workspace, subset__train=3, subset__validation=1, subset__test=1)
    put_pictures(workspace / "data/raw", [f"{label}/{n}.png" for label in "ab" for n in range(5)])
    twelve_bits = np.random.default_rng(0).integers(0, 2**12, (9, 9)).astype(np.uint16)
    for number in range(count):
        Image.fromarray(twelve_bits + number).save(workspace / f"data/raw/a/{number}.png")
    importlib.import_module("stages.subset").main()
    said = "3 of 10 pictures are so dark that next to nothing can be seen, as a/0.png is"
    assert (said in capfd.readouterr().out) is told


def test_broken_pictures_are_left_out_counted_and_named(workspace):
    set_parameters(workspace, subset__train=2, subset__validation=1, subset__test=1)
    names = [f"{label}/{n}.jpg" for label in ("cat", "dog") for n in range(7)]
    put_pictures(workspace / "data/raw", names)
    raw = workspace / "data/raw/cat"
    (raw / "0.jpg").write_bytes(b"")
    (raw / "1.jpg").write_text("This is no picture.")
    (raw / "2.jpg").write_bytes((raw / "3.jpg").read_bytes()[:-200])
    importlib.import_module("stages.subset").main()
    rows = pd.read_csv(workspace / "data/left_out.csv")
    assert list(rows["file"]) == ["cat/0.jpg", "cat/1.jpg", "cat/2.jpg"]
    empty, text, truncated = rows["reason"]
    assert empty == "empty file"
    assert text.startswith(f"not a {FORMAT_NAMES} picture")
    assert "truncated" in truncated
    counts = json.loads((workspace / "metrics/subset.json").read_text())
    assert counts["left_out"] == {"cat": 3, "dog": 0}
    kept = sorted(path.name for path in (workspace / "data/subset").rglob("cat/*"))
    assert kept == ["3.jpg", "4.jpg", "5.jpg", "6.jpg"]


def test_two_pictures_that_would_become_one_file(workspace, capfd):
    set_parameters(workspace, subset__train=2, subset__validation=1, subset__test=1)
    names = [f"{label}/{n}.png" for label in ("cat", "dog") for n in range(4)]
    put_pictures(workspace / "data/raw", names)
    Image.new("RGBA", (40, 30)).save(workspace / "data/raw/cat/0.png")
    Image.new("RGB", (40, 30)).save(workspace / "data/raw/cat/0.png.png")
    assert "0.png.png" in complaint_of("subset", capfd)


@pytest.fixture
def eight(workspace):
    """Four pictures of each of two classes, all of which are wanted."""
    set_parameters(workspace, subset__train=2, subset__validation=1, subset__test=1)
    names = [f"{label}/{n}.png" for label in ("cat", "dog") for n in range(4)]
    put_pictures(workspace / "data/raw", names)
    return workspace


def test_a_subset_that_is_a_link_to_another_disk_is_written_there_each_time(eight):
    (eight / "disk/subset").mkdir(parents=True)
    (eight / "data/subset").symlink_to(eight / "disk/subset")
    for _ in range(2):
        importlib.import_module("stages.subset").main()
        assert (eight / "data/subset").is_symlink()
        assert len(list((eight / "disk/subset").rglob("*.png"))) == 8


def test_the_old_subset_stays_until_the_new_one_is_whole(eight, capfd):
    importlib.import_module("stages.subset").main()
    before = files_below(eight / "data/subset")
    Image.new("RGBA", (40, 30)).save(eight / "data/raw/cat/0.png")
    Image.new("RGB", (40, 30)).save(eight / "data/raw/cat/0.png.png")
    assert "both be data/subset/train/cat/0.png.png, since" in complaint_of("subset", capfd)
    assert files_below(eight / "data/subset") == before
    assert sorted(path.name for path in (eight / "data").iterdir() if "subset" in path.name) == [
        "subset"
    ]


def test_a_name_that_would_become_too_long_is_shortened_and_listed(eight):
    named = eight / "data/raw/cat" / f"{'0' * 250}.webp"
    put_pictures(eight / "data/raw", [f"cat/{named.name}"])
    importlib.import_module("stages.subset").main()
    picked = pd.read_csv(eight / "data/picked.csv", dtype=str).set_index("file")
    split, label, name = picked.loc[f"cat/{named.name}"]
    assert (eight / "data/subset" / split / label / name).exists()
    assert name.startswith("000")
    assert name.endswith(".png")


def test_an_image_size_below_what_the_backbone_takes(workspace, capfd):
    set_parameters(workspace, backbone__name="inception_v3", backbone__image_size=64)
    said = complaint_of("extract", capfd)
    assert "backbone.image_size = 64 is too small for inception_v3, which takes 75 px" in said


def test_a_file_of_weights_that_is_not_there(workspace, capfd):
    set_parameters(workspace, backbone__weights="data/weights/none.weights.h5")
    assert "backbone.weights = data/weights/none.weights.h5" in complaint_of("extract", capfd)


def test_a_file_of_weights_outside_its_folder(workspace, capfd):
    """DVC couldn't see it change."""
    set_parameters(workspace, backbone__weights="elsewhere/own.weights.h5")
    (workspace / "elsewhere").mkdir()
    (workspace / "elsewhere/own.weights.h5").write_bytes(b"weights")
    said = complaint_of("extract", capfd)
    assert "copy it into data/weights" in said


def test_the_weights_of_another_network(workspace, capfd):
    from keras.applications import MobileNetV2

    file = workspace / "data/weights/mobilenet_v2.weights.h5"
    file.parent.mkdir(parents=True)
    MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(file)
    set_parameters(
        workspace, backbone__name="vgg16", backbone__weights="data/weights/mobilenet_v2.weights.h5"
    )
    assert "holds the weights of another network" in complaint_of("extract", capfd)


def test_an_unknown_block(workspace, capfd):
    from vision.models import saving
    from vision.networks.extractor import build_extractor
    from vision.params import load_params

    set_parameters(workspace, backbone__image_size=32, finetune__unfreeze_from="block99")
    put_pictures(workspace / "data/subset", ["train/cat/0.png", "train/dog/0.png"])
    extractor = build_extractor(load_params(workspace / "params.yaml").backbone, Path())
    description = saving.Description(["cat", "dog"], 32, "efficientnet_lite0")
    saving.save(extractor, description, workspace / "models/head.keras")
    said = complaint_of("finetune", capfd)
    assert "finetune.unfreeze_from = block99 is no block of efficientnet_lite0" in said
    assert "block7a, top" in said
