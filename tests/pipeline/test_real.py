"""Measured on real pictures: Kaggle's Dogs vs. Cats, 0 to 2499 of each class, as an archive.

    DOGS_VS_CATS=path/to/dogs-vs-cats.zip python -m pytest tests/pipeline/test_real.py

The archive holds train/cat.0.jpg and so on. MOBILENET_V2_160 may name a file of weights of
keras.applications.MobileNetV2(include_top=False) that were trained at 160 px. Takes a quarter of
an hour or more on two cores.
"""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.code import ROOT
from vision.networks.efficientnet_lite import (
    EfficientNetLite0,
    load_imagenet_weights,
    preprocess_input,
)
from vision.params import load_params
from vision.pictures import load_batch

pytestmark = pytest.mark.real

# The split of Deep Learning with Python, 2nd edition: 1000/500/1000 pictures of each class.
BOOK = {
    "download__source": "external",
    "subset__train": 1000,
    "subset__validation": 500,
    "subset__test": 1000,
    "train_head__epochs": 60,
    "lr": 5e-5,
    "finetune__epochs": 4,
}


def file_named_by(variable: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"needs a file that isn't in the repository: set {variable} to its path")
    return Path(os.environ[variable]).absolute()


@pytest.fixture(scope="module")
def archive():
    return file_named_by("DOGS_VS_CATS")


def test_cats_are_cats_and_dogs_are_dogs_among_the_1000_classes(archive, tmp_path):
    with zipfile.ZipFile(archive) as pictures:
        names = [f"train/{label}.{n}.jpg" for label in ("cat", "dog") for n in range(100)]
        pictures.extractall(tmp_path, names)
    network = EfficientNetLite0((224, 224, 3), classes=1000)
    load_imagenet_weights(network)
    batch = load_batch([tmp_path / name for name in names], 224).astype(np.float32)
    ranked = network.predict(preprocess_input(batch), verbose=0).argsort(axis=1)[:, ::-1]
    kinds = {
        "cat": (ranked[:100], range(281, 288)),  # house cats, cougar, lynx
        "dog": (ranked[100:], range(151, 277)),  # breeds of dogs, and wild ones
    }
    # Published accuracy on ImageNet's validation pictures: 74.8 % at the first guess and 92.2 %
    # within five (tf_efficientnet_lite0 in timm's results). Two standard errors below it, for
    # 100 pictures; there is more than cats in many of these, such as couches and their owners.
    for guesses, published in ((1, 0.748), (5, 0.922)):
        least = published - 2 * (published * (1 - published) / 100) ** 0.5
        for kind, (classes, meant) in kinds.items():
            found = np.isin(classes[:, :guesses], meant).any(axis=1).mean()
            assert found >= least, f"{kind}: {found:.0%} within {guesses}"


def evaluate(new_project, archive, **parameters):
    project = new_project(**(BOOK | parameters))
    (project.folder / "data/external" / archive.name).symlink_to(archive)
    if "MOBILENET_V2_160" in os.environ:
        weights = Path(os.environ["MOBILENET_V2_160"]).absolute()
        (project.folder / "data/weights/mobilenet_v2_160.weights.h5").symlink_to(weights)
    project.dvc("repro")
    return project.read_json("metrics/evaluate.json")


def test_the_default(new_project, archive):
    """Its head: 0.985 is the book's, by VGG16; 0.991 the floor that was set here."""
    own = load_params(ROOT / "params.yaml")
    metrics = evaluate(
        new_project,
        archive,
        subset__order="natural",
        backbone__name=own.backbone.name,
        backbone__pooling=own.backbone.pooling,
        backbone__image_size=own.backbone.image_size,
        **{f"train_head__{name}": value for name, value in own.train_head},
        finetune__epochs=0,
        evaluate__mirror=own.evaluate.mirror,
    )
    assert metrics["pictures"] == 2000
    assert metrics["head"]["accuracy"] >= 0.991


def test_efficientnet_lite0(new_project, archive):
    metrics = evaluate(
        new_project,
        archive,
        backbone__image_size=None,
        finetune__views=4,
        finetune__unfreeze_from="block5a",
    )
    assert metrics["pictures"] == 2000
    assert metrics["head"]["accuracy"] >= 0.98
    assert metrics["finetuned"]["accuracy"] >= metrics["head"]["accuracy"]


def test_mobilenet_v2_with_weights_from_a_file(new_project, archive):
    file_named_by("MOBILENET_V2_160")
    metrics = evaluate(
        new_project,
        archive,
        backbone__name="mobilenet_v2",
        backbone__weights="data/weights/mobilenet_v2_160.weights.h5",
        backbone__image_size=160,
        finetune__unfreeze_from="block_14",
    )
    assert metrics["head"]["accuracy"] >= 0.97
    assert metrics["finetuned"]["accuracy"] >= 0.97
