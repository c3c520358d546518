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

# Numbers in the convolutional base, as published with keras.applications (those of the Lite
# networks follow from the published numbers of the whole, in test_efficientnet_lite.py).
PUBLISHED = {
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
# The others pass the same tests, where they are asked for.
NAMES = [
    name if name in PUBLISHED else pytest.param(name, marks=pytest.mark.every_network)
    for name in sorted(BACKBONES)
]
# The published preprocessing, by modules: what black and white become. What isn't here scales
# within the network.
TO_ONE, MEAN_TAKEN_OFF = (-1, 1), (-123.68, 255 - 103.939)
PREPROCESSED = {
    "efficientnet_lite": (-127 / 128, 128 / 128),
    "densenet": (-0.485 / 0.229, (1 - 0.406) / 0.225),
    **dict.fromkeys(("vgg16", "vgg19", "resnet"), MEAN_TAKEN_OFF),
    **dict.fromkeys(
        ("inception_v3", "inception_resnet_v2", "xception", "mobilenet", "mobilenet_v2"), TO_ONE
    ),
    **dict.fromkeys(("resnet_v2", "nasnet"), TO_ONE),
}


def random_backbone(name: str, **changes) -> BackboneSettings:
    size = max(64, BACKBONES[name].least_size)
    settings = {"name": name, "weights": "random", "preprocessing": "published"}
    settings |= {"pooling": "avg", "image_size": size}
    return BackboneSettings(**settings | changes)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_keras_has_every_network_and_its_preprocessing(name):
    assert callable(backbones.find(name).network)
    assert callable(backbones.find(name).preprocess)


@pytest.fixture(scope="module", params=NAMES)
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


@pytest.fixture(scope="module")
def levels(name):
    return build_extractor(random_backbone(name, pooling="levels"), Path())


def test_has_the_published_number_of_parameters_and_preprocesses_as_published(
    name, extractor, conv_base
):
    if name in PUBLISHED:
        assert conv_base.count_params() == PUBLISHED[name]
    expected = PREPROCESSED.get(BACKBONES[name].architecture.module, (0, 255))
    # float32 rounds numbers up to 255 by less than 1e-4.
    assert black_and_white(extractor) == pytest.approx(expected, abs=1e-4)


def black_and_white(extractor: keras.Model) -> tuple[float, float]:
    """What they become before the convolutional base."""
    size = extractor.input.shape[1]
    pictures = np.stack([np.zeros((size, size, 3)), np.full((size, size, 3), 255.0)])
    black, white = np.asarray(extractor.get_layer("preprocessing")(pictures))
    return black.min(), white.max()


def test_pixels_are_divided_by_255_where_that_is_asked_for():
    """As in older literature, whose networks were trained on others."""
    settings = random_backbone("vgg16", preprocessing="rescale")
    assert black_and_white(build_extractor(settings, Path())) == (0, 1)


def test_features_are_the_means_of_the_last_maps_and_levels_those_of_larger_ones_beside(
    name, extractor, conv_base, given, levels
):
    assert (given.dtype, given.shape) == (np.float32, (2, conv_base.output.shape[-1]))
    assert np.isfinite(given).all()
    maps = keras.Model(conv_base.input, [layer.output for layer in conv_base.layers[1:]])

    def halvings(tensor):
        return round(np.log2(conv_base.input.shape[1] / tensor.shape[1]))

    own = halvings(conv_base.output)
    by_halvings = {
        halvings(each): np.asarray(each).mean(axis=(1, 2))
        for each in maps(extractor.get_layer("preprocessing")(some_pictures(extractor)))
        if len(each.shape) == 4 and 0 < halvings(each) <= own
    }
    *larger, last = (by_halvings[number] for number in sorted(by_halvings))
    # The same arithmetic in another order: float32's seven digits, with room for long sums.
    np.testing.assert_allclose(given, last, rtol=1e-3, atol=1e-5)
    features = np.asarray(levels(some_pictures(extractor)))
    np.testing.assert_allclose(features, np.hstack([last, *larger]), rtol=1e-3, atol=1e-5)


def test_the_engine_gives_what_keras_gives(extractor, given):
    # Of features that random weights may make large.
    allowed = 1e-4 * max(1, np.abs(given).max())
    np.testing.assert_allclose(Engine(extractor)(some_pictures(extractor)), given, atol=allowed)


def test_gives_the_same_after_saving_and_loading(name, extractor, given, tmp_path):
    saving.save(extractor, saving.Description(["a", "b"], 64, name), tmp_path / "model.keras")
    loaded, _ = saving.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(some_pictures(extractor))), given)


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


@pytest.mark.parametrize("pooling", ["avg", "levels"])
def test_halves_cut_where_a_block_begins_make_the_whole_again(
    name, extractor, levels, conv_base, pooling
):
    """With the means of larger maps among what enters the upper one."""
    whole = levels if pooling == "levels" else extractor
    pictures = some_pictures(extractor)
    expected = np.asarray(whole(pictures))
    starts = list(BACKBONES[name].blocks(conv_base))
    for block in (starts[0], starts[len(starts) // 2], starts[-1]):
        lower, upper = cut.split(whole, name, block)
        parts = np.asarray(upper(lower(pictures)))
        allowed = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(parts, expected, rtol=1e-4, atol=allowed)


def test_an_unknown_block_is_answered_with_those_there_are(name, conv_base):
    with pytest.raises(UserError) as complaint:
        backbones.unfreeze(conv_base, name, "block99")
    for block in BACKBONES[name].blocks(conv_base):
        assert block in str(complaint.value)


def test_a_block_may_be_named_with_its_network_and_with_no_other(name, conv_base):
    first, *_, last = BACKBONES[name].blocks(conv_base)
    for block in (first, last):
        backbones.unfreeze(conv_base, name, block)
        trained = [weight.path for weight in conv_base.trainable_weights]
        backbones.unfreeze(conv_base, name, f"{name}/{block}")
        assert [weight.path for weight in conv_base.trainable_weights] == trained
    lower, _ = backbones.split(conv_base, name, f"{name}/{last}")
    assert len(lower.layers) == len(backbones.split(conv_base, name, last)[0].layers)
    with pytest.raises(UserError, match=f"other/{last} is no block of {name}; from the input up"):
        backbones.unfreeze(conv_base, name, f"other/{last}")


def test_null_stands_for_the_published_size_and_what_is_below_the_least_is_refused(name):
    least = BACKBONES[name].least_size
    assert backbones.image_sizes(name, least) == [least]
    with pytest.raises(UserError, match=f"{least - 1} is too small .* {least} px .*\\d px$"):
        backbones.image_sizes(name, least - 1)
    lite = {"efficientnet_lite1": 240, "efficientnet_lite2": 260}
    published = lite | dict.fromkeys(("inception_v3", "xception"), 299)
    if name in PUBLISHED:
        assert backbones.image_sizes(name, None) == [published.get(name, 224)]


def test_without_pooling_the_features_are_the_flattened_maps():
    flat = build_extractor(random_backbone("mobilenet", pooling="none"), Path())
    assert flat.output.shape[1] == np.prod(flat.get_layer("backbone").output.shape[1:])


def test_random_weights_are_the_same_for_whoever_asks():
    keras.utils.set_random_seed(1)
    first = BACKBONES["mobilenet"].build("random", [32]).get_weights()
    keras.utils.set_random_seed(2)
    second = BACKBONES["mobilenet"].build("random", [32]).get_weights()
    assert all(map(np.array_equal, first, second))


def test_building_a_network_moves_no_draws_of_the_caller():
    def draws():
        layer = keras.layers.Dense(2)
        layer.build((None, 2))
        return random.random(), np.random.random(), *np.ravel([keras.random.normal((2,)),
                                                               *layer.kernel.numpy()])  # fmt: skip

    keras.utils.set_random_seed(1)
    alone = draws()
    keras.utils.set_random_seed(1)
    BACKBONES["mobilenet"].build("random", [32])
    assert draws() == alone


def test_weights_come_from_a_file(tmp_path):
    original = BACKBONES["mobilenet_v2"].build("random", [32])
    for weight in original.weights:
        weight.assign(np.random.default_rng(0).random(weight.shape))
    original.save_weights(tmp_path / "own.weights.h5")
    again = BACKBONES["mobilenet_v2"].build(str(tmp_path / "own.weights.h5"), [64])
    assert all(map(np.array_equal, again.get_weights(), original.get_weights()))


def test_refuses_the_weights_of_another_network(tmp_path):
    file = tmp_path / "own.weights.h5"
    BACKBONES["mobilenet"].build("random", [32]).save_weights(file)
    for name in ("mobilenet_v2", "efficientnet_lite0"):
        with pytest.raises(UserError, match="another network"):
            BACKBONES[name].build(str(file), [32])
    # Of the right number, but other shapes.
    inputs = keras.Input((PUBLISHED["mobilenet_v2"] - 1,))
    keras.Sequential([inputs, keras.layers.Dense(1)]).save_weights(file)
    with pytest.raises(UserError, match="another network"):
        BACKBONES["mobilenet_v2"].build(str(file), [32])


@pytest.mark.parametrize("file", ["weights.h5", "w.weights.h5", "w.pth"])
def test_refuses_a_file_that_holds_no_weights(tmp_path, file):
    for content in (b"", b"no weights at all", b"\x89HDF\r\n\x1a\n cut short"):
        (tmp_path / file).write_bytes(content)
        with pytest.raises(
            UserError, match=r"no file of Keras weights|no weights that can be read"
        ):
            BACKBONES["efficientnet_lite0"].build(str(tmp_path / file), [32])


def test_refuses_a_file_that_is_not_there():
    with pytest.raises(UserError, match=r"imagnet is neither imagenet nor random nor a file"):
        BACKBONES["vgg16"].build("imagnet", [32])


def test_names_the_host_that_cannot_be_reached_for_weights(monkeypatch, tmp_path):
    def no_network(**_):
        raise Exception("URL fetch failure on https://weights.example/vgg16.h5: None -- unknown")

    network = BACKBONES["vgg16"].network
    monkeypatch.setattr(
        "keras.src.applications.vgg16.file_utils.get_file", lambda *_, **__: no_network()
    )
    with pytest.raises(UserError, match=r"weights\.example could not be reached .* VGG16; set"):
        weights.with_downloaded(network, (32, 32, 3))
