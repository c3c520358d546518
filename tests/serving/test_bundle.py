"""The bundle: an archive that is the same each time, a script that needs little, a model card."""

import json
import re
import struct
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from serving import bundle, card, classifier, predict
from tests.code import ROOT
from tests.vision.test_pictures import write_bmp
from vision.evaluation import scores
from vision.models.calibration import Calibration
from vision.models.description import Description
from vision.models.engine import Engine
from vision.params import load_params
from vision.runtime.errors import UserError
from vision.runtime.files import write_json

SIZE = 16
# Runs the script as a machine would that has nothing but the packages it names.
RUN = """
import runpy, sys
without, *sys.argv[1:] = sys.argv[1:]
for name in ("tensorflow", "keras", "pandas", "vision", "serving", *without.split()):
    sys.modules[name] = None  # to import it fails
sys.argv[0] = "predict.py"
runpy.run_path("predict.py", run_name="__main__")
"""


def network(units):
    """A network that tells a picture from its mirror image."""
    keras.utils.set_random_seed(3)
    pictures = keras.Input((SIZE, SIZE, 3))
    small = keras.layers.AveragePooling2D(SIZE // 2)(keras.layers.Rescaling(1 / 99)(pictures))
    activation = "sigmoid" if units == 1 else "softmax"
    return keras.Model(
        pictures, keras.layers.Dense(units, activation)(keras.layers.Flatten()(small))
    )


@pytest.fixture(params=[1, 3], ids=["two classes", "three classes"])
def packed(request, tmp_path):
    """A bundle of a small network."""
    classes = ["Kätzchen", "犬"] if request.param == 1 else ["a", "b", "c"]
    members = {
        "model.json": json.dumps(asdict(Description(classes, SIZE, "none"))).encode(),
        "calibration.json": json.dumps(asdict(Calibration(True, 1.7, 0.6))).encode(),
        "model.tflite": Engine(network(request.param)).content,
        "predict.py": bundle.SCRIPT.read_bytes(),
    }
    bundle.pack(members, tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


@pytest.fixture
def pictures(tmp_path):
    """Pictures in modes that take some care."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 4), np.uint8)
    transparent = Image.fromarray(pixels, "RGBA")
    opaque = transparent.convert("RGB")
    # So large that its file is decoded at a part of its size, where that makes a difference.
    Image.effect_noise((200, 160), 200).convert("RGB").save(folder / "0.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    opaque.save(folder / "1.jpg")
    opaque.save(folder / "2.jpg", exif=turned)
    opaque.convert("CMYK").save(folder / "3.jpg")
    opaque.convert("L").save(folder / "4.png")
    opaque.convert("P").save(folder / "5.gif")
    transparent.save(folder / "6.png")
    sixteen_bits = np.linspace(0, 2**16 - 1, 30 * 40).reshape(30, 40).astype(np.uint16)
    Image.fromarray(sixteen_bits).save(folder / "7.png")
    opaque.save(folder / "8.webp")
    opaque.save(folder / "9.bmp")
    opaque.save(folder / "a.heic")
    opaque.save(folder / "b.avif")
    opaque.convert("CMYK").save(folder / "c.tif")
    Image.merge("LAB", opaque.split()).save(folder / "d.tif")
    Image.fromarray(sixteen_bits).save(folder / "e.tif")
    Image.fromarray(sixteen_bits.astype(np.int32)).save(folder / "f.tif")
    opaque.save(folder / "g.jpg", "MPO", save_all=True, append_images=[opaque.rotate(90)])
    opaque.save(folder / "h.png", icc_profile=bytes(3_000_000))
    write_bmp(folder / "i.bmp", pixels[..., :3], pixels[..., 3])
    write_bmp(folder / "j.bmp", pixels[..., :3], 0 * pixels[..., 3])
    orientation_as_byte = struct.pack("<LHHHLLxxxx", 8, 1, 0x0112, 1, 1, 6)
    opaque.save(folder / "k.png", exif=b"Exif\0\0II*\0" + orientation_as_byte)
    for orientation in range(2, 9):
        # With an entry that is out of its range, so that Pillow wouldn't write the data anew.
        exif = b"Exif\0\0II*\0" + struct.pack(
            "<LHHHLHxxHHLLxxxx", 8, 2, 0x0112, 3, 1, orientation, 0x0213, 4, 1, 2**16 + 1
        )
        opaque.save(folder / f"turned{orientation}.png", exif=exif)
    opaque.save(folder / "wrong.jpg", exif=exif[:20])
    return [str(path) for path in sorted(folder.iterdir())]


def alone(packed, pictures, tmp_path, without=""):
    """Run the script of a bundle as whoever got it would."""
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "unpacked")
    return subprocess.run(
        [sys.executable, "-c", RUN, without, *pictures],
        cwd=tmp_path / "unpacked",
        capture_output=True,
        text=True,
    )


def test_the_script_says_what_the_project_says_with_three_packages(packed, pictures, tmp_path):
    ran = alone(packed, pictures, tmp_path)
    for bundle_or_folder in (packed, tmp_path / "unpacked"):
        expected = [
            f"{each.file}: {each.label}, {each.probability:.3f}{', unsure' if each.unsure else ''}"
            for each in predict.classify(classifier.open_model(bundle=bundle_or_folder), pictures)
        ]
        assert ran.stdout.splitlines() == expected
    assert ran.returncode == 0


def test_the_script_names_what_is_no_picture_and_goes_on(packed, pictures, tmp_path):
    broken = {
        name: tmp_path / name for name in ("gone.jpg", "text.jpg", "cut.jpg", "f.tif", "phone.HEIC")
    }
    broken["text.jpg"].write_text("no picture")
    broken["cut.jpg"].write_bytes(Path(pictures[0]).read_bytes()[:2000])
    Image.new("F", (9, 9)).save(broken["f.tif"])
    Image.open(pictures[1]).save(broken["phone.HEIC"], "HEIF")
    named = [str(path) for path in broken.values()]
    ran = alone(packed, [*named, pictures[1]], tmp_path, without="pillow_heif")
    assert ran.returncode == 1
    # INFO is LiteRT's.
    lines = [line for line in ran.stderr.splitlines() if not line.startswith("INFO")]
    assert [line.partition(": ")[0] for line in lines] == named
    assert lines[-1] == f"{named[-1]}: to read HEIC, pip install pillow-heif"
    assert [line.partition(": ")[0] for line in ran.stdout.splitlines()] == pictures[1:2]


def test_the_forms_are_held_to_each_other(packed, pictures, monkeypatch):
    model = classifier.open_model(bundle=packed)
    trained = network(model.network.numbers)
    monkeypatch.setattr(classifier.Classifier, "keras_model", lambda _: trained)
    paths = [Path(picture) for picture in pictures]
    # What 32 bits leave.
    assert bundle.greatest_difference(model, paths) < 1e-6
    trained.layers[-1].bias.assign_add(np.arange(1, 1 + model.network.numbers) / 1000)
    assert bundle.greatest_difference(model, paths) > 1e-4
    trained.layers[-1].bias.assign_add(np.full(model.network.numbers, np.nan))
    assert np.isnan(bundle.greatest_difference(model, paths))


@pytest.mark.parametrize(("temperature", "difference"), [(2, 1e-5), (0.1, 1e-4)])
def test_what_a_temperature_makes_of_a_difference_counts(
    temperature, difference, pictures, monkeypatch
):
    keras_form = SimpleNamespace(predict_on_batch=lambda batch: np.full((len(batch), 1), 0.50001))
    monkeypatch.setattr(classifier.Classifier, "keras_model", lambda _: keras_form)
    model = classifier.Classifier(
        Description(["a", "b"], SIZE, "none"),
        Calibration(True, temperature, 0.6),
        lambda batch: np.full((len(batch), 1), 0.5),
        None,
    )
    # About 0.5, a probability changes as its log-odds do, which are divided by the temperature.
    found = bundle.greatest_difference(model, [Path(picture) for picture in pictures])
    assert found == pytest.approx(difference, rel=1e-3)


def test_equal_members_give_equal_bytes_whatever_is_there(tmp_path):
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(name.encode())
        bundle.pack({"2.txt": b"two", "1.txt": b"one"}, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["2.txt", "1.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]


def test_a_class_without_predictions_has_no_precision():
    predictions = pd.DataFrame({"label": ["a", "b"], "predicted": ["a", "a"]})
    figures = bundle.of_class(predictions, "b")
    assert (figures["recall"], figures["precision_pictures"]) == (0, 0)
    assert "precision" not in figures


@pytest.mark.parametrize(("counts", "unequal"), [([3, 1], True), ([2, 2], False)])
def test_the_manifest_has_the_baseline_and_the_balanced_accuracy_of_unequal_classes(
    tmp_path, monkeypatch, counts, unequal
):
    monkeypatch.chdir(tmp_path)
    classes = ["a", "b"]
    labels = np.repeat([0, 1], counts)
    always_a = np.tile([0.9, 0.1], (4, 1))
    of_all = {"roc_auc": 0.5, "brier": 0.1, "accuracy": counts[0] / 4, "balanced_accuracy": 0.5}
    evaluation = {
        "pictures": 4,
        "baseline": scores.baseline(labels, labels, classes),
        "finetuned": of_all | {"accuracy_low": 0, "accuracy_high": 1},
    }
    losses = ("loss", "loss_before", "calibration_error", "calibration_error_before")
    write_json(evaluation, bundle.EVALUATION)
    write_json({"test": dict.fromkeys(("unsure", *losses), 0)}, bundle.CALIBRATION)
    model = SimpleNamespace(classes=classes, calibration=Calibration(True, 1, 0.6))
    table = {"label": [classes[k] for k in labels], "predicted": "a", "unsure": False}
    found = bundle.metrics(model, pd.DataFrame(table), always_a, 10)
    assert ("baseline" in found, "balanced_accuracy_low" in found) == (unequal, unequal)
    if unequal:
        assert found["baseline"] == evaluation["baseline"]
        assert found["balanced_accuracy"] == 0.5


@pytest.mark.parametrize(
    ("backbone", "trained_from", "said"),
    [
        ("vgg16", None, "its head alone is trained"),
        ("vgg16", "block5", "trained from block5 up"),
        ("vgg16", "vgg16/block5", "trained from block5 up"),
        ("vgg16+vgg19", "block5", "trained from block5 up"),
        (
            "vgg16+vgg19",
            "vgg19/block5",
            "vgg19 is trained from block5 up, the other networks are as they were",
        ),
    ],
)
def test_it_says_what_of_the_network_is_trained(backbone, trained_from, said):
    assert bundle.fine_tuning(Description(["a", "b"], 32, backbone, trained_from)) == said


@pytest.fixture
def manifest():
    share = {"accuracy": 0.75, "accuracy_low": 0.3, "accuracy_high": 0.95}
    of_class = {f"recall{end}": 0.5 for end in ("", "_low", "_high")}
    return {
        "commit": "c0ffee",
        "uncommitted_changes": False,
        "data": {
            "source": "external",
            "md5": "f00d.dir",
            "pictures": {split: {"a|b": 4, "c": 1200} for split in ("train", "validation", "test")},
        },
        "backbone": "vgg16",
        "fine_tuning": "trained from block5 up",
        "image_size": 150,
        "classes": ["a|b", "c"],
        "preprocessing": {"colour": "RGB"},
        "thresholds": {"temperature": 1.5, "unsure_below": 0.8, "most_wrong": 0.02},
        "metrics": share
        | {"pictures": 4}
        | {
            f"{name}{when}{end}": 0.3
            for name in ("loss", "brier", "calibration_error", "roc_auc", "unsure")
            for when in ("", "_before")
            for end in ("", "_low", "_high")
        }
        | {"classes": {"a|b": of_class, "c": of_class}},
        "forms_agree_within": 1e-4,
        "libraries": {"keras": "3.1", "ai-edge-litert": "2.1"},
    }


def written(manifest, *predictions):
    table = pd.DataFrame(
        predictions, columns=["file", "label", "predicted", "probability", "unsure"]
    ).astype({"unsure": bool})
    return card.render(manifest, load_params(ROOT / "params.yaml"), table)


RIGHT = ("c/1.jpg", "c", "c", 0.99, False)


def test_the_card_tells_what_always_saying_the_commonest_class_would_score(manifest):
    """Where classes are unequal, and so the manifest has it."""
    assert "always saying" not in written(manifest, RIGHT)
    baseline = {"class": "a|b", "accuracy": 0.7, "accuracy_low": 0.6, "accuracy_high": 0.8}
    balanced = {f"balanced_accuracy{end}": 0.5 for end in ("", "_low", "_high")}
    manifest["metrics"] |= balanced | {"baseline": baseline}
    text = written(manifest, RIGHT)
    for row in (
        r"\| accuracy of always saying a\\\|b +\| 0.700 \(0.600–0.800\) +\|",
        r"\| balanced accuracy: all classes count the same +\| 0.500 \(0.500–0.500\) +\|",
    ):
        assert re.search(row, text)


def test_the_card_has_the_sections_of_model_cards_and_its_figures(manifest):
    text = written(manifest, RIGHT)
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert {"Model details", "Intended use", "Training data", "Metrics", "Limits"} <= set(sections)
    for told in ("0.750 (0.300–0.950)", "c0ffee", "f00d.dir", "1,204 to train on"):
        assert told in text
    assert "got no test picture wrong" in text  # which is no boast


def test_the_card_tells_what_is_taken_for_what_and_the_surest_mistakes(manifest):
    text = written(
        manifest,
        RIGHT,
        ("c/2.jpg", "c", "a|b", 0.9, False),
        ("c/3.jpg", "c", "a|b", 0.95, False),
        ("a|b/1.jpg", "a|b", "c", 0.6, True),
    )
    failures = text.partition("## Where it fails")[2]
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in failures.splitlines()]
    rows = [[cell.strip() for cell in line] for line in lines]
    assert ["c", r"a\|b", "2 of 3"] in rows
    assert "2 mistakes are not called unsure" in failures
    surest = [row[0] for row in rows if row and row[0].startswith("c/")]
    assert surest == ["c/3.jpg", "c/2.jpg"]


@pytest.mark.parametrize(
    ("programs", "what_to_do"),
    [(None, r".*; commit the run first, after `git init`"), ("", "; install git")],
)
def test_without_a_commit_nothing_is_begun(programs, what_to_do, tmp_path, monkeypatch):
    """In a folder in which the next thing that is asked for, a model, is missing as well."""
    monkeypatch.chdir(tmp_path)
    if programs is not None:
        monkeypatch.setenv("PATH", programs)
    with pytest.raises(UserError, match=f"names the commit that it comes from{what_to_do}"):
        bundle.write(tmp_path / "bundle.zip")
