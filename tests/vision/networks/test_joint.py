"""Several networks that look at the same picture."""

from pathlib import Path

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
    settings = random_backbone("efficientnet_lite0", image_size=64, **changes)
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
    assert backbones.image_size(FAMILY, None) == 240
    assert backbones.image_size("xception+vgg16", None) == 299
    with pytest.raises(UserError, match=r"70 is too small for xception.vgg16, which takes 71 px"):
        backbones.image_size("xception+vgg16", 70)


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
        backbones.find(NAME).build("own.h5", 64)


def test_refuses_networks_whose_maps_do_not_fit_at_the_size():
    with pytest.raises(UserError, match=r"at 80 px .* heights, 2, 3; set .* a multiple of 32"):
        backbones.find("vgg16+efficientnet_lite0").build("random", 80)
