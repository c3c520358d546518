"""What a user can get wrong: each is one line on stderr that says what to do, and status 1."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from serving.run import read_table
from tests.code import ROOT
from tests.files import files_below, write_files, write_given
from tools.experiment import set_params
from vision import pictures
from vision.pictures import FORMAT_NAMES
from vision.runtime.files import write_csv
from vision.runtime.program import run
from vision.runtime.text import folder_name

STAGES = sorted(path.stem for path in (ROOT / "stages").glob("[!_]*.py"))


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data/corrections.csv", tmp_path / "data")
    set_parameters(tmp_path, backbone__name="efficientnet_lite0", backbone__image_size=224)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_parameters(folder, **parameters):
    values = {name.replace("__", "."): value for name, value in parameters.items()}
    set_params(folder / "params.yaml", values)


def complaint_of(stage, capfd, **given):
    """Run a stage that must fail; give the one line that it says."""
    if stage == "subset" and Path("data/raw").exists():
        write_given(Path(), **given)
    with pytest.raises(SystemExit) as exit_:
        run(importlib.import_module(f"stages.{stage}").main)
    assert exit_.value.code == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def subset():
    write_given(Path())
    importlib.import_module("stages.subset").main()


def put_pictures(folder, names, size=(40, 30)):
    rng = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_refuses_wrong_parameters(workspace, capfd, stage):
    set_parameters(workspace, finetune__epoch=3)
    assert "finetune.epoch = 3 is unknown" in complaint_of(stage, capfd)


def test_all_classes_with_too_few_pictures_are_named_at_once(workspace, capfd):
    set_parameters(workspace, subset__train=3, subset__validation=2, subset__test=2)
    for label, count in {"ant": 7, "bee": 4, "cow": 6}.items():
        put_pictures(workspace / "data/raw", [f"{label}/{n}.png" for n in range(count)])
    (workspace / "data/raw/cow/6.jpg").write_text("no picture")
    write_given(workspace)
    with pytest.raises(SystemExit):
        run(importlib.import_module("stages.subset").main)
    bee, cow = [line for line in capfd.readouterr().err.splitlines() if line]
    assert bee == "error: class bee has too few pictures: 4 can be used and 0 can't be decoded"
    assert cow.startswith("error: class cow has too few pictures: 6 can be used and 1 can't be")
    assert "params.yaml asks for train 3, validation 2, test 2: add pictures" in cow
    assert "change subset.train, subset.validation, subset.test" in cow
    assert not (workspace / "data/subset").exists()


def test_names_of_classes_stay_what_they_are(workspace):
    """Whatever pandas, YAML or a file system would make of them."""
    set_parameters(workspace, subset__train=2, subset__validation=1, subset__test=1)
    classes = ["no", "null", "NA", "01", "1e5", "True", "a/b", ".c", "=1+1", '猫, "b"']
    folders = {label: folder_name(label) for label in classes}
    names = [f"{folder}/{number}.png" for folder in folders.values() for number in range(6)]
    put_pictures(workspace / "data/raw", names)
    Path("data/corrections.csv").write_text(
        "file,action,label,reason\na%2Fb/0.png,drop,,blurred\na%2Fb/1.png,relabel,null,\n"
    )
    subset()
    assert json.loads(Path("metrics/subset.json").read_text())["train"] == dict.fromkeys(classes, 2)
    picked = read_table(Path("data/picked.csv"))
    assert set(picked["label"]) == set(classes)
    assert picked.set_index("file")["name"]["a%2Fb/1.png"] == "a%2Fb-1.png"
    assert {path.name for path in Path("data/subset/train").iterdir()} == set(folders.values())
    assert list(read_table(Path("data/left_out.csv"))["label"]) == ["a/b"]
    for split in pictures.SPLITS:
        index = pictures.index(Path("data/subset", split))
        Path("data/features").mkdir(exist_ok=True)
        write_csv(index, Path(f"data/features/{split}.csv"))
    assert set(importlib.import_module("stages.audit").read_files()["label"]) == set(classes)


@pytest.mark.parametrize(("count", "told"), [(2, False), (3, True)])
def test_a_set_that_is_all_but_black_is_told(eight, capfd, count, told):
    twelve_bits = np.random.default_rng(0).integers(0, 2**12, (9, 9)).astype(np.uint16)
    for number in range(count):
        Image.fromarray(twelve_bits + number).save(eight / f"data/raw/cat/{number}.png")
    subset()
    said = "3 of 8 pictures are so dark that next to nothing can be seen, as cat/0.png is"
    assert (said in capfd.readouterr().out) is told


def test_broken_pictures_are_left_out_counted_and_named(eight):
    put_pictures(eight / "data/raw", [f"cat/{n}.png" for n in range(4, 7)])
    raw = eight / "data/raw/cat"
    (raw / "0.png").write_bytes(b"")
    (raw / "1.png").write_text("This is no picture.")
    (raw / "2.png").write_bytes((raw / "3.png").read_bytes()[:-200])
    subset()
    rows = pd.read_csv(eight / "data/left_out.csv")
    assert list(rows["file"]) == ["cat/0.png", "cat/1.png", "cat/2.png"]
    empty, text, truncated = rows["reason"]
    assert empty == "empty file"
    assert text.startswith(f"not a {FORMAT_NAMES} picture")
    assert "truncated" in truncated
    counts = json.loads((eight / "metrics/subset.json").read_text())
    assert counts["left_out"] == {"cat": 3, "dog": 0}
    kept = sorted(path.name for path in (eight / "data/subset").rglob("cat/*"))
    assert kept == ["3.png", "4.png", "5.png", "6.png"]


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
        subset()
        assert (eight / "data/subset").is_symlink()
        assert len(list((eight / "disk/subset").rglob("*.png"))) == 8


def test_the_old_subset_stays_until_the_new_one_is_whole(eight, capfd):
    subset()
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
    subset()
    picked = pd.read_csv(eight / "data/picked.csv", dtype=str).set_index("file")
    split, label, name, _ = picked.loc[f"cat/{named.name}"]
    assert (eight / "data/subset" / split / label / name).exists()
    assert name.startswith("000")
    assert name.endswith(".png")


def test_an_image_size_below_what_the_backbone_takes(workspace, capfd):
    changes = {"backbone__name": "inception_v3", "finetune__unfreeze_from": "mixed9"}
    set_parameters(workspace, backbone__image_size=64, **changes)
    said = complaint_of("extract", capfd)
    assert "backbone.image_size = 64 is too small for inception_v3, which takes 75 px" in said


def test_a_file_of_weights_that_is_not_there_or_outside_its_folder(workspace, capfd):
    set_parameters(workspace, backbone__weights="data/weights/none.weights.h5")
    assert "backbone.weights = data/weights/none.weights.h5" in complaint_of("extract", capfd)
    set_parameters(workspace, backbone__weights="elsewhere/own.weights.h5")
    write_files(workspace, {"elsewhere/own.weights.h5": b"weights"})
    # DVC couldn't see it change.
    assert "copy it into data/weights" in complaint_of("extract", capfd)


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
