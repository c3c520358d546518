"""Pictures to fine-tune on."""

import numpy as np
import pytest
from PIL import Image

from tests.code import ROOT
from tests.vision.training.dark_and_light import BACKBONE, of_validation, source_of
from vision.features import extraction
from vision.models.engine import Engine
from vision.networks.extractor import build_extractor


@pytest.fixture(scope="module")
def subset(tmp_path_factory):
    """Pictures of two classes that differ in brightness."""
    folder = tmp_path_factory.mktemp("subset")
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("validation", 6)):
        for label, light in (("dark", 0), ("light", 100)):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = light + rng.integers(0, 156, (64, 64, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(
                    folder / split / label / f"{number}.png"
                )
    return folder


@pytest.fixture(scope="module")
def features(subset, tmp_path_factory):
    """The folder of those of the validation pictures."""
    folder = tmp_path_factory.mktemp("features")
    network = Engine(build_extractor(BACKBONE, ROOT))
    extraction.write(network, of_validation(subset)[0], folder / "validation.npy")
    return folder


@pytest.fixture
def source(subset, features, tmp_path):
    return source_of(subset, features, tmp_path)
