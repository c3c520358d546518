"""Drawing where the model saw what it says."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image, WebPImagePlugin

from serving import explain, predict
from serving.classifier import Classifier
from tests.models import classifier
from tests.serving.conftest import SIZE
from vision.networks import parts
from vision.runtime.errors import UserError


@pytest.fixture
def explained(colours, monkeypatch):
    """The colours' classifier, whose Keras form sees the same: each class in its own colour."""
    entering = keras.Input((3,))
    outputs = layers.Dense(3, "softmax")(entering)
    head = keras.Model(entering, outputs, name=parts.HEAD)
    head.set_weights([np.eye(3), np.zeros(3)])
    model = classifier(head, SIZE)
    monkeypatch.setattr(Classifier, "keras_model", lambda _: model)
    return colours


@pytest.fixture
def spotted(tmp_path, monkeypatch):
    """A black picture with a large red spot at the top right and a small green one at its left."""
    monkeypatch.chdir(tmp_path)
    pixels = np.zeros((60, 120, 3), np.uint8)
    pixels[5:25, 80:110, 0] = 255
    pixels[40:50, 5:25, 1] = 255
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save("in/a.png")
    return "in/a.png"


def brightest(file):
    lightness = np.asarray(Image.open(file).convert("L"), float)
    row, column = np.unravel_index(lightness.argmax(), lightness.shape)
    return row / lightness.shape[0], column / lightness.shape[1]


def test_the_heat_is_where_the_predicted_class_is(explained, spotted, capsys):
    predict.print_predictions(explained, [spotted], "csv", Path("out"))
    assert ",red," in capsys.readouterr().out
    row, column = brightest("out/in/a.png.png")
    assert row < 0.5
    assert column > 0.6


def test_what_is_printed_is_the_same(explained, spotted, picture, capsys):
    several = [spotted, *(picture(f"{n}.png", colour) for n, colour in enumerate(["lime"] * 20))]
    predict.print_predictions(explained, several, "json")
    plain = capsys.readouterr().out
    predict.print_predictions(explained, several, "json", Path("out"))
    assert capsys.readouterr().out == plain
    assert len(list(Path("out").rglob("*.png"))) == len(several)


def test_what_is_no_picture_is_named_and_the_rest_is_drawn(explained, spotted, capsys):
    Path("in/b.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"^1 of what was named"):
        predict.print_predictions(explained, ["in"], "csv", Path("out"))
    assert "in/b.jpg: " in capsys.readouterr().err
    assert [path.name for path in Path("out/in").iterdir()] == ["a.png.png"]


@pytest.mark.parametrize(
    ("error", "why"), [(RuntimeError("no memory"), "no memory"), (OSError(5, ""), os.strerror(5))]
)
def test_a_picture_whose_decoder_fails_for_the_drawing_is_unread_and_the_others_are_drawn(
    explained, spotted, picture, failing_decoder, error, why
):
    files = [picture("a.webp", "red"), spotted]
    results = list(predict.classify(explained, files))
    failing_decoder(WebPImagePlugin.WebPImageFile, error)
    found = list(explain.write_all(explained, results, Path("out")))
    assert found == [predict.Unread(files[0], why), results[1]]
    assert Path("out/in/a.png.png").is_file()


def test_of_large_pictures_no_more_is_held_than_is_drawn(explained, picture, tmp_path, monkeypatch):
    files = [picture(f"{number}.png", "red", (3000, 1500)) for number in range(3)]
    held = []
    draw = explain.Explainer.draw

    def note(explainer, decoded, labels):
        held.extend(each.size for each in decoded)
        return draw(explainer, decoded, labels)

    monkeypatch.setattr(explain.Explainer, "draw", note)
    list(explain.write_all(explained, predict.classify(explained, files), tmp_path / "out"))
    drawn = [Image.open(file).size for file in (tmp_path / "out").rglob("*.png")]
    assert held == drawn == [(1024, 512)] * 3


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("a.jpg", "out/a.jpg.png"),
        ("./b/../b/a.jpg", "out/b/a.jpg.png"),
        ("/data/a.jpg", "out/data/a.jpg.png"),
        ("../../../../../../../../a.jpg", "out/a.jpg.png"),
    ],
)
def test_a_drawing_lies_where_its_picture_does(file, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert explain.place(file, Path("out")) == Path(place)


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("in/out", "drawings in in/out would lie among"),
        ("heat", "heat is a file; name a folder"),
        ("out", "out/in/a.png.png can't be written, since out/in is no"),
    ],
)
def test_drawings_among_the_pictures_or_in_place_of_a_file_are_refused(explained, spotted, to, why):
    Path("heat").touch()
    Path("out").mkdir()
    Path("out/in").touch()
    with pytest.raises(UserError, match=f"^{why}"):
        predict.print_predictions(explained, ["in"], "csv", Path(to))
    assert not Path("in/out").exists()
