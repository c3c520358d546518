"""The sets of the panel, and what is told of them."""

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from benchmarks import panel, plain
from tests.code import ROOT
from tools.experiment import set_params
from vision import pictures
from vision.params import load_params

PANEL = YAML(typ="safe", pure=True).load(panel.PANEL)


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("glass", "metal", "paper"):
        folder = tmp_path / "source/trash" / label
        folder.mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 256, (80, 120, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "source"


def prepared(source, tmp_path, **described):
    to = tmp_path / "to"
    to.mkdir()
    panel.prepare({"pictures": "trash"} | described, source, to, tmp_path)
    return to, pictures.index(to)["file"].tolist()


def test_a_set_has_the_first_pictures_of_the_classes_that_it_names(source, tmp_path):
    to, files = prepared(source, tmp_path, classes=["glass", "paper"], each=2)
    assert files == ["glass/0.png", "glass/1.png", "paper/0.png", "paper/1.png"]
    assert (to / files[0]).read_bytes() == (source / "trash/glass/0.png").read_bytes()


def test_grey_pictures_have_no_colour(source, tmp_path):
    to, files = prepared(source, tmp_path, change="grey")
    assert len(files) == 15
    assert Image.open(to / files[0]).mode == "L"


def test_blurred_pictures_keep_their_size_and_lose_what_is_small(source, tmp_path):
    to, files = prepared(source, tmp_path, change="blurred")
    was, now = (np.asarray(Image.open(folder / files[0])) for folder in (source / "trash", to))
    assert now.shape == was.shape
    steps = [np.abs(np.diff(each.astype(float), axis=1)).mean() for each in (was, now)]
    assert steps[1] < steps[0] / 4


@pytest.mark.parametrize("name", PANEL["sets"])
@pytest.mark.parametrize("way", PANEL["ways"])
def test_every_way_sets_what_params_yaml_knows(name, way, tmp_path):
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    described = PANEL["sets"][name]
    own = {f"subset.{split}": described[split] for split in pictures.SPLITS}
    set_params(tmp_path / "params.yaml", own | PANEL["ways"][way])
    load_params(tmp_path / "params.yaml")


def test_the_plain_way_learns_to_tell_classes_apart(tmp_path):
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("validation", 6), ("test", 6)):
        for label, light in (("dark", 0), ("light", 120)):
            (tmp_path / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = light + rng.integers(0, 136, (64, 64, 3))
                path = tmp_path / split / label / f"{number}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    found = plain.classify(tmp_path, 0, size=64, epochs=(8, 3))
    assert found["pictures"] == 12
    assert found["test"] > 0.8
    assert found["validation"] > 0.8
