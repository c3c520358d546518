"""The fast way through a frozen network."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.code import ROOT
from vision.models.engine import Engine
from vision.networks.extractor import build_extractor
from vision.params import BackboneSettings

START = """
import keras, numpy as np
from vision.models.engine import Engine
inputs = keras.Input((8, 8, 3))
network = Engine(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)))
print(network(np.ones((2, 8, 8, 3), np.uint8)).tolist())
"""


@pytest.fixture(scope="module")
def keras_network():
    settings = BackboneSettings(
        name="efficientnet_lite0",
        weights="imagenet",
        preprocessing="published",
        pooling="avg",
        image_size=64,
    )
    return build_extractor(settings, Path())


@pytest.fixture(scope="module")
def network(keras_network):
    return Engine(keras_network)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), np.uint8)


def test_threads_and_company_change_no_byte(network, pictures):
    assert (network.image_size, network.numbers) == (64, 1280)
    together = network(pictures)
    assert (together.dtype, together.shape) == (np.float32, (8, 1280))
    with ThreadPoolExecutor(4) as pool:
        apart = list(pool.map(lambda k: network(pictures[k : k + 1])[0], range(8)))
    np.testing.assert_array_equal(np.stack(apart), together)


def test_keeps_the_weights_that_the_network_had(keras_network, pictures):
    engine = Engine(keras_network)
    before = engine(pictures[:1])
    weights = keras_network.get_weights()
    keras_network.set_weights([0 * each for each in weights])
    np.testing.assert_array_equal(engine(pictures[:1]), before)
    keras_network.set_weights(weights)


def test_says_nothing():
    started = subprocess.run(
        [sys.executable, "-c", f"import vision\n{START}"], cwd=ROOT, capture_output=True, text=True
    )
    assert started.stdout == "[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]\n"
    assert started.stderr == ""
