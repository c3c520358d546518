"""Measured on real pictures: Kaggle's Dogs vs. Cats, 0 to 2499 of each class, as an archive.

    DOGS_VS_CATS=path/to/dogs-vs-cats.zip python -m pytest tests/pipeline/test_real.py

The archive holds train/cat.0.jpg and so on. Takes ten minutes on two cores. Other networks are
measured by `few measure`.
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


@pytest.fixture(scope="module")
def archive():
    if "DOGS_VS_CATS" not in os.environ:
        pytest.skip("needs a file that isn't in the repository: set DOGS_VS_CATS to its path")
    return Path(os.environ["DOGS_VS_CATS"]).absolute()


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


def test_the_default_tells_cats_from_dogs(new_project, archive):
    """By its head: 0.985 is the book's, by VGG16; 0.991 the floor that was set here.

    The split is that of Deep Learning with Python, 2nd edition.
    """
    own = load_params(ROOT / "params.yaml")
    project = new_project(
        download__source="external",
        subset__train=1000,
        subset__validation=500,
        subset__test=1000,
        backbone__name=own.backbone.name,
        backbone__pooling=own.backbone.pooling,
        backbone__image_size=own.backbone.image_size,
        **{f"train_head__{name}": value for name, value in own.train_head},
        finetune__epochs=0,
        evaluate__mirror=own.evaluate.mirror,
    )
    (project.folder / "data/external" / archive.name).symlink_to(archive)
    project.dvc("repro")
    metrics = project.read_json("metrics/evaluate.json")
    assert metrics["pictures"] == 2000
    assert metrics["head"]["accuracy"] >= 0.991
