"""One set of tests that every backbone passes, with random weights at a small size."""

import random
from pathlib import Path

import keras
import numpy as np
import pytest

from vision.models import saving
from vision.models.engine import Engine
from vision.networks import backbones, cut, weights
from vision.networks.backbones import BACKBONES
from vision.networks.extractor import build_extractor
from vision.params import BackboneSettings
from vision.runtime.errors import UserError

# Each network's published preprocessing: what black and white become.
BLACK_AND_WHITE = {
    "efficientnet_lite0": (-127 / 128, 128 / 128),
    "efficientnet_lite1": (-127 / 128, 128 / 128),
    "efficientnet_lite2": (-127 / 128, 128 / 128),
    "vgg16": (-123.68, 255 - 103.939),  # ImageNet's mean colour taken off
    "vgg19": (-123.68, 255 - 103.939),
    "resnet50": (-123.68, 255 - 103.939),
    "inception_v3": (-1, 1),
    "xception": (-1, 1),
    "mobilenet": (-1, 1),
    "mobilenet_v2": (-1, 1),
    "efficientnet_b0": (0, 255),  # the network scales by itself
    "densenet121": (-0.485 / 0.229, (1 - 0.406) / 0.225),
}
# Numbers in the convolutional base, as published with keras.applications. Those of the Lite
# networks follow from the published numbers of the whole, in test_efficientnet_lite.py.
PARAMETERS = {
    "efficientnet_lite0": 3_413_024,
    "efficientnet_lite1": 4_189_344,
    "efficientnet_lite2": 4_869_168,
    "vgg16": 14_714_688,
    "vgg19": 20_024_384,
    "resnet50": 23_587_712,
    "inception_v3": 21_802_784,
    "xception": 20_861_480,
    "mobilenet": 3_228_864,
    "mobilenet_v2": 2_257_984,
    "efficientnet_b0": 4_049_571,
    "densenet121": 7_037_504,
}


def random_backbone(name: str, **changes) -> BackboneSettings:
    size = max(64, BACKBONES[name].least_size)
    settings = {"name": name, "weights": "random", "pooling": "avg", "image_size": size}
    return BackboneSettings(**settings | changes)


@pytest.fixture(scope="module", params=sorted(BACKBONES))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def extractor(name):
    keras.backend.clear_session()
    return build_extractor(random_backbone(name), Path())


@pytest.fixture(scope="module")
def conv_base(extractor):
    return extractor.get_layer("backbone")


@pytest.fixture(scope="module")
def given(extractor):
    """What the extractor gives for some pictures."""
    return np.asarray(extractor(some_pictures(extractor)))


def some_pictures(extractor: keras.Model, count: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, *extractor.input.shape[1:])).astype(np.float32)


def test_has_the_published_number_of_parameters(name, conv_base):
    assert conv_base.count_params() == PARAMETERS[name]


def test_gives_one_finite_row_of_features_a_picture(given, conv_base):
    assert given.shape == (2, conv_base.output.shape[-1])
    assert given.dtype == np.float32
    assert np.isfinite(given).all()


def test_without_pooling_the_features_are_the_flattened_maps(name, conv_base):
    flat = build_extractor(random_backbone(name, pooling="none"), Path())
    assert flat.output.shape[1] == np.prod(conv_base.output.shape[1:])


def test_levels_are_the_means_of_larger_maps_beside_those_of_the_last(
    name, extractor, conv_base, given
):
    levels = build_extractor(random_backbone(name, pooling="levels"), Path())
    features = np.asarray(levels(some_pictures(extractor)))
    maps = keras.Model(conv_base.input, [layer.output for layer in conv_base.layers[1:]])
    prepared = extractor.get_layer("preprocessing")(some_pictures(extractor))
    by_height = {
        round(np.log2(conv_base.input.shape[1] / each.shape[1])): np.asarray(each)
        for each in maps(prepared)
        if len(each.shape) == 4
    }
    halvings = [number for number in by_height if 0 < number < max(by_height)]
    assert halvings == sorted(halvings)
    means = [by_height[number].mean(axis=(1, 2)) for number in halvings]
    np.testing.assert_allclose(features, np.hstack([given, *means]), rtol=1e-3, atol=1e-5)


def test_levels_are_cut_as_the_last_maps_are(name, extractor):
    """What is below, the means among it, and what is above make the whole."""
    levels = build_extractor(random_backbone(name, pooling="levels"), Path())
    starts = list(BACKBONES[name].blocks(levels.get_layer("backbone")))
    pictures = some_pictures(extractor)
    whole = np.asarray(levels(pictures))
    for block in (starts[0], starts[len(starts) // 2], starts[-1]):
        lower, upper = cut.split(levels, name, block)
        parts = np.asarray(upper(lower(pictures)))
        np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5 * np.abs(whole).max())


def test_preprocesses_as_the_network_was_published(name, extractor):
    preprocess = keras.Model(extractor.input, BACKBONES[name].preprocess(extractor.input))
    size = extractor.input.shape[1]
    pictures = np.stack([np.zeros((size, size, 3)), np.full((size, size, 3), 255.0)])
    black, white = np.asarray(preprocess(pictures))
    expected = BLACK_AND_WHITE[name]
    # float32 rounds numbers up to 255 by less than 1e-4.
    assert (black.min(), white.max()) == pytest.approx(expected, abs=1e-4)


def test_the_extractor_holds_the_preprocessing(name, extractor, given, conv_base):
    pictures = some_pictures(extractor)
    prepared = keras.ops.convert_to_numpy(BACKBONES[name].preprocess(pictures.copy()))
    maps = np.asarray(conv_base(prepared))
    # The same arithmetic in another order: float32's seven digits, with room for long sums.
    np.testing.assert_allclose(given, maps.mean(axis=(1, 2)), rtol=1e-3, atol=1e-5)


def test_the_engine_gives_what_keras_gives(extractor, given):
    # Of features that random weights may make large.
    allowed = 1e-4 * max(1, np.abs(given).max())
    np.testing.assert_allclose(Engine(extractor)(some_pictures(extractor)), given, atol=allowed)


def test_gives_the_same_after_saving_and_loading(name, extractor, given, tmp_path):
    saving.save(extractor, saving.Description(["a", "b"], 64, name), tmp_path / "model.keras")
    loaded, _ = saving.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(some_pictures(extractor))), given)


def test_a_single_tensor_enters_each_block(name, conv_base):
    for block, start in BACKBONES[name].blocks(conv_base).items():
        below = set(conv_base.layers[:start])
        entering = {
            tensor
            for layer in conv_base.layers[start:]
            for node in layer._inbound_nodes
            for tensor in node.input_tensors
            if tensor._keras_history.operation in below
        }
        assert len(entering) == 1, block


def test_unfreezing_a_block_trains_it_and_all_above_but_no_batch_normalisation(name, conv_base):
    block, start = list(BACKBONES[name].blocks(conv_base).items())[-2]
    backbones.unfreeze(conv_base, name, block)
    trained = {layer.name for layer in conv_base.layers if layer.trainable_weights}
    expected = {
        layer.name
        for layer in conv_base.layers[start:]
        if layer.weights and not isinstance(layer, keras.layers.BatchNormalization)
    }
    assert trained == expected
    assert trained


def test_halves_cut_where_a_block_begins_make_the_whole_again(name, extractor, given):
    pictures = some_pictures(extractor)
    for block in list(BACKBONES[name].blocks(extractor.get_layer("backbone")))[::3]:
        lower, upper = cut.split(extractor, name, block)
        np.testing.assert_array_equal(np.asarray(upper(lower(pictures))), given)


def test_an_unknown_block_is_answered_with_those_there_are(name, conv_base):
    with pytest.raises(UserError) as complaint:
        backbones.unfreeze(conv_base, name, "block99")
    for block in BACKBONES[name].blocks(conv_base):
        assert block in str(complaint.value)


def test_refuses_pictures_below_its_least_size(name):
    least = BACKBONES[name].least_size
    assert backbones.image_size(name, least) == least
    with pytest.raises(UserError, match=f"{least - 1} is too small .* {least} px"):
        backbones.image_size(name, least - 1)


def test_null_stands_for_the_published_size(name):
    other = {
        "efficientnet_lite1": 240,
        "efficientnet_lite2": 260,
        "inception_v3": 299,
        "xception": 299,
    }
    assert backbones.image_size(name, None) == other.get(name, 224)


def test_random_weights_are_the_same_for_whoever_asks():
    keras.utils.set_random_seed(1)
    first = BACKBONES["mobilenet"].build("random", 32).get_weights()
    keras.utils.set_random_seed(2)
    second = BACKBONES["mobilenet"].build("random", 32).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_building_a_network_moves_no_draws_of_the_caller():
    def draws():
        layer = keras.layers.Dense(2)
        layer.build((None, 2))
        return random.random(), np.random.random(), *np.ravel([keras.random.normal((2,)),
                                                               *layer.kernel.numpy()])  # fmt: skip

    keras.utils.set_random_seed(1)
    alone = draws()
    keras.utils.set_random_seed(1)
    BACKBONES["mobilenet"].build("random", 32)
    assert draws() == alone


def test_weights_come_from_a_file(tmp_path):
    original = BACKBONES["mobilenet_v2"].build("random", 32)
    for weight in original.weights:
        weight.assign(np.random.default_rng(0).random(weight.shape))
    original.save_weights(tmp_path / "own.weights.h5")
    again = BACKBONES["mobilenet_v2"].build(str(tmp_path / "own.weights.h5"), 64)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(again.get_weights(), original.get_weights(), strict=True)
    )


def test_refuses_the_weights_of_another_network(tmp_path):
    file = tmp_path / "vgg19.weights.h5"
    BACKBONES["vgg19"].build("random", 32).save_weights(file)
    for name in ("vgg16", "mobilenet_v2", "efficientnet_lite0"):
        with pytest.raises(UserError, match="another network"):
            BACKBONES[name].build(str(file), 32)


def test_refuses_weights_of_the_right_number_but_other_shapes(tmp_path):
    file = tmp_path / "odd.weights.h5"
    keras.Sequential(
        [keras.Input((PARAMETERS["mobilenet_v2"] - 1,)), keras.layers.Dense(1)]
    ).save_weights(file)
    with pytest.raises(UserError, match="another network"):
        BACKBONES["mobilenet_v2"].build(str(file), 32)


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"\x89HDF\r\n\x1a\n cut short"])
@pytest.mark.parametrize("file", ["weights.h5", "w.weights.h5", "w.pth"])
def test_refuses_a_file_that_holds_no_weights(tmp_path, file, content):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=r"no file of Keras weights|no weights that can be read"):
        BACKBONES["efficientnet_lite0"].build(str(tmp_path / file), 32)


def test_refuses_a_file_that_is_not_there():
    with pytest.raises(UserError, match=r"imagnet is neither imagenet nor random nor a file"):
        BACKBONES["vgg16"].build("imagnet", 32)


def test_names_the_host_that_cannot_be_reached_for_weights(monkeypatch, tmp_path):
    def no_network(**_):
        raise Exception("URL fetch failure on https://weights.example/vgg16.h5: None -- unknown")

    network = BACKBONES["vgg16"].network
    monkeypatch.setattr(
        "keras.src.applications.vgg16.file_utils.get_file", lambda *_, **__: no_network()
    )
    with pytest.raises(UserError, match=r"weights\.example could not be reached .* VGG16; set"):
        weights.with_downloaded(network, (32, 32, 3))
