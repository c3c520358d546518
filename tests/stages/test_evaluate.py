"""How test pictures are predicted."""

import keras
import numpy as np
import pytest
from PIL import Image

from stages import evaluate
from vision.engine import Engine


@pytest.fixture
def model():
    """To one model, the chance of the second class is the mean brightness of the left half; to the
    other it is that of the first class.
    """
    pictures = keras.Input((32, 32, 3))
    left = keras.layers.Cropping2D(((0, 0), (0, 16)))(pictures)
    mean = keras.layers.GlobalAveragePooling2D()(left)
    second = keras.layers.Rescaling(1 / 255)(mean[:, :1])
    return Engine(keras.Model(pictures, keras.layers.Concatenate()([second, 1 - second])))


@pytest.fixture
def paths(tmp_path):
    """A picture of which the left half is white, and one of which the right half is."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, :16] = 255
    for name, content in {"left": pixels, "right": pixels[:, ::-1]}.items():
        Image.fromarray(content).save(tmp_path / f"{name}.png")
    return [tmp_path / "left.png", tmp_path / "right.png"]


def test_every_class_gets_its_probability_by_each_model(model, paths):
    one, other = evaluate.predict(model, paths, mirror=False).tolist()
    assert one == [[0, 1], [1, 0]]
    assert other == [[1, 0], [0, 1]]


def test_a_picture_and_its_mirror_image_are_told_alike_where_both_are_averaged(model, paths):
    assert evaluate.predict(model, paths, mirror=True).tolist() == [[[0.5, 0.5]] * 2] * 2


def test_a_test_picture_is_known_by_what_the_audit_found_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/picked.csv").write_text(
        "file,split,label,name\n"
        "cat/a.webp,test,cat,a.webp.png\n"  # written in another format
        "cat/b.jpg,test,dog,b.jpg\n"  # relabelled
        "cat/c.jpg,train,cat,c.jpg\n"
    )
    (tmp_path / "data/audit.csv").write_text(
        "rank,file,split,label,kind\n"
        "1,cat/a.webp,test,cat,label\n"
        "2,cat/c.jpg,train,cat,outlier\n"
        "3,cat/b.jpg,test,dog,near copy\n"
        "4,cat/a.webp,test,cat,tiny\n"
    )
    assert evaluate.read_findings() == {"cat/a.webp.png": "label", "dog/b.jpg": "near copy"}
