"""Several networks that look at the same picture."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.vision.networks.test_backbones import random_backbone, some_pictures
from vision.models import saving
from vision.networks import backbones, cut
from vision.networks.extractor import build_extractor
from vision.runtime.errors import UserError

PARTS = ["efficientnet_lite0", "mobilenet"]
NAME = "+".join(PARTS)
FAMILY = "efficientnet_lite0+efficientnet_lite1"


def build(name, **changes):
    settings = random_backbone("efficientnet_lite0", **{"image_size": 64} | changes)
    return build_extractor(settings.model_copy(update={"name": name}), Path())


@pytest.fixture(scope="module")
def extractor():
    return build(NAME)


@pytest.fixture(scope="module")
def family():
    return build(FAMILY)


def test_the_features_are_those_of_each_network_side_by_side(extractor):
    """Each with its own preprocessing."""
    pictures = some_pictures(extractor)
    expected = np.hstack([np.asarray(build(part)(pictures)) for part in PARTS])
    np.testing.assert_array_equal(np.asarray(extractor(pictures)), expected)


def test_gives_the_same_after_saving_and_loading(extractor, tmp_path):
    saving.save(extractor, saving.Description(["a", "b"], 64, NAME), tmp_path / "model.keras")
    loaded, _ = saving.load(tmp_path / "model.keras")
    pictures = some_pictures(extractor)
    np.testing.assert_array_equal(np.asarray(loaded(pictures)), np.asarray(extractor(pictures)))


def test_null_stands_for_the_largest_published_size():
    assert backbones.image_sizes(FAMILY, None) == [240, 240]
    assert backbones.image_sizes("xception+vgg16", None) == [299, 299]


def test_each_network_has_the_size_of_all_or_its_own():
    assert backbones.image_sizes(FAMILY, 96) == [96, 96]
    assert backbones.image_sizes(FAMILY, [64, 96]) == [64, 96]
    of_all = "32 is too small for xception, which .* null stands for 299 px, for all networks"
    with pytest.raises(UserError, match=of_all):
        backbones.image_sizes("vgg16+xception", [64, 32])
    with pytest.raises(UserError, match=r"\[64\] has 1 sizes, and backbone.name 2 networks"):
        backbones.image_sizes(FAMILY, [64])


def test_unfreezing_a_block_unfreezes_that_of_each_network(family):
    conv_base = family.get_layer("backbone")
    backbones.unfreeze(conv_base, FAMILY, "top")
    for part in FAMILY.split("+"):
        network = conv_base.get_layer(part)
        assert [layer.name for layer in network.layers if layer.trainable_weights] == ["top_conv"]
    assert len(conv_base.trainable_weights) == 2


def test_halves_cut_where_a_block_begins_make_the_whole_again(family):
    pictures = some_pictures(family)
    lower, upper = cut.split(family, FAMILY, "block5a")
    assert lower.output.shape[1:] == (2 * 4 * 4 * 80,)
    again = np.asarray(upper(lower(pictures)))
    np.testing.assert_array_equal(again, np.asarray(family(pictures)))


def test_an_unknown_block_is_answered_with_those_of_the_network_that_lacks_it(extractor):
    with pytest.raises(UserError, match=r"= block7a is no block of mobilenet; .* conv_dw_13"):
        backbones.unfreeze(extractor.get_layer("backbone"), NAME, "block7a")


def test_refuses_a_file_of_weights():
    with pytest.raises(UserError, match=r"own.h5 is of one network, and .* 2, which take imagenet"):
        backbones.find(NAME).build("own.h5", [64, 64])


def test_networks_of_several_sizes_see_the_picture_smaller_and_their_maps_are_stretched():
    apart = build(FAMILY, image_size=[64, 96])
    assert apart.input.shape[1:3] == (96, 96)
    assert apart.get_layer("backbone").output.shape[1:3] == (3, 3)
    batch = some_pictures(apart)
    smaller = keras.layers.Resizing(64, 64)(batch)
    first, second = build("efficientnet_lite0"), build("efficientnet_lite1", image_size=96)
    features = np.asarray(apart(batch))
    np.testing.assert_array_equal(features[:, 1280:], np.asarray(second(batch)))
    stretched = keras.layers.Resizing(3, 3)(
        first.get_layer("backbone")(first.get_layer("preprocessing")(smaller))
    )
    mean = np.asarray(stretched).mean(axis=(1, 2))
    np.testing.assert_allclose(features[:, :1280], mean, rtol=1e-4, atol=1e-6)


def test_the_columns_of_features_are_those_of_each_network(family):
    found = backbones.columns(family.get_layer("backbone"), FAMILY)
    assert found == {"efficientnet_lite0": slice(0, 1280), "efficientnet_lite1": slice(1280, 2560)}


def test_a_block_of_one_network_leaves_the_others_frozen(family):
    conv_base = family.get_layer("backbone")
    backbones.unfreeze(conv_base, FAMILY, "efficientnet_lite1/top")
    assert not conv_base.get_layer("efficientnet_lite0").trainable_weights
    assert len(conv_base.get_layer("efficientnet_lite1").trainable_weights) == 1
    with pytest.raises(UserError, match=r"vgg16/block5 is of no network of backbone.name, which"):
        backbones.unfreeze(conv_base, FAMILY, "vgg16/block5")


def test_of_a_frozen_network_its_means_alone_pass_the_cut(family):
    pictures = some_pictures(family)
    lower, upper = cut.split(family, FAMILY, "efficientnet_lite0/block5a")
    assert lower.output.shape[1:] == (4 * 4 * 80 + 1280,)
    again = np.asarray(upper(lower(pictures)))
    np.testing.assert_allclose(again, np.asarray(family(pictures)), rtol=1e-4, atol=1e-6)
