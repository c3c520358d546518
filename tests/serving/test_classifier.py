"""The classifier, and where it comes from."""

import dataclasses
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from serving import classifier
from tests.files import zipped
from tests.serving.conftest import SIZE
from vision.models.calibration import Calibration
from vision.models.engine import Engine
from vision.runtime.errors import UserError


class LeftHalf:
    """One unit: the chance of the second class is the brightness of the left half."""

    def __call__(self, pictures):
        return pictures[:, :, :4].mean(axis=(1, 2, 3))[:, None] / 255


@pytest.fixture
def halves():
    """A batch of a picture of which the left half is white, and of one that is all white."""
    batch = np.full((2, 8, 8, 3), 255, np.uint8)
    batch[0, :, 4:] = 0
    return batch


def one_unit(colours, **calibration):
    chosen = Calibration(**({"mirror": False, "temperature": 1, "unsure_below": 0.6} | calibration))
    description = dataclasses.replace(colours.description, classes=["dark", "light"])
    return dataclasses.replace(
        colours, description=description, calibration=chosen, network=LeftHalf()
    )


def test_the_mirror_image_counts_as_much_where_it_did_in_the_evaluation(colours, halves):
    model = one_unit(colours, mirror=True)
    probabilities = model.probabilities(halves)
    np.testing.assert_allclose(probabilities, [[0.5, 0.5], [0, 1]], atol=2e-7)
    assert model.is_unsure(probabilities).tolist() == [True, False]


def test_the_temperature_is_applied(colours, halves):
    halves[:] = 204  # four fifths
    odds = np.divide(*one_unit(colours, temperature=2).probabilities(halves).T[::-1])
    np.testing.assert_allclose(odds, 2, rtol=1e-6)  # the root of 4


def test_without_a_run_it_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"models/finetuned.json is missing; `few train` trains"):
        classifier.open_model()


@pytest.fixture
def members():
    """Of a bundle of a model of three classes."""
    pictures = keras.Input((SIZE, SIZE, 3))
    flat = keras.layers.Flatten()(keras.layers.AveragePooling2D(SIZE)(pictures))
    network = keras.Model(pictures, keras.layers.Dense(3, "softmax")(flat))
    return {
        "model.json": {"classes": ["a", "b", "c"], "image_size": SIZE, "backbone": "none"},
        "calibration.json": {"mirror": True, "temperature": 1.5, "unsure_below": 0.6},
        "model.tflite": Engine(network).content,
    }


def write(members, folder):
    folder.mkdir()
    for name, content in members.items():
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("model.json", b"{", "Expecting property name"),
        ("model.json", b"[]", "must be a mapping"),
        ("model.json", b"\xff\xfe\xfd", "decode"),
        ("model.json", {"classes": ["a", "b", "c"]}, "missing 2 required"),
        ("model.json", {"depth": 3}, "unexpected keyword"),
        (
            "model.json",
            {"classes": ["a", "b"], "image_size": SIZE, "backbone": "none"},
            "2 classes, where it has 3 outputs",
        ),
        (
            "model.json",
            {"classes": ["a", "b", "c"], "image_size": 9, "backbone": "none"},
            f"9 pixels, where it takes {SIZE}",
        ),
        ("calibration.json", b"null", "must be a mapping"),
        ("calibration.json", {"mirror": True, "temperature": "x", "unsure_below": 0}, "operand"),
        ("calibration.json", {"mirror": True, "temperature": 0, "unsure_below": 0}, "zero"),
        ("model.tflite", b"", "model"),
        ("model.tflite", b"TFL3" * 100, "not a valid Flatbuffer"),
    ],
)
def test_broken_parts_are_told_in_one_line(members, name, content, why, tmp_path):
    classifier.open_model(bundle=write(members, tmp_path / "whole"))
    folder = write(members | {name: content}, tmp_path / "broken")
    with pytest.raises(UserError, match=rf"^the model of .*broken is broken, or of .*: .*{why}"):
        classifier.open_model(bundle=folder)


def test_what_is_no_bundle_or_was_cut_short_or_changed_is_told(members, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("whole.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in write(members, Path("folder")).iterdir():
            archive.write(path, path.name)
    classifier.open_model(bundle=Path("whole.zip"))
    whole = Path("whole.zip").read_bytes()
    Path("cut.zip").write_bytes(whole[:-30])
    Path("half.zip").write_bytes(whole[: len(whole) // 2])
    Path("changed.zip").write_bytes(whole[:40] + b"!!!!" + whole[44:])
    Path("text.zip").write_text("no archive")
    Path("other.zip").write_bytes(zipped({"cat.txt": b"miaow"}))
    Path("empty").mkdir()
    for name in ("cut.zip", "half.zip", "changed.zip", "text.zip", "other.zip", "empty"):
        with pytest.raises(UserError, match=f"^{name} is no bundle of this project"):
            classifier.open_model(bundle=Path(name))
    with pytest.raises(UserError, match=r"^gone.zip is missing"):
        classifier.open_model(bundle=Path("gone.zip"))
