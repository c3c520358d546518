"""The heat must be where the evidence is: patterns in corners, and heads that look for them."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

from serving.gradcam import GradCam
from tests.models import classifier
from tests.vision.networks.test_backbones import PUBLISHED, random_backbone
from vision.networks import parts
from vision.networks.extractor import build_extractor
from vision.params import TrainHead
from vision.training.heads import build_head

SIZE = 192  # maps of 6 × 6, or 4 × 4
HALF = SIZE // 2
ROWS, COLUMNS = np.mgrid[:HALF, :HALF]
NOTHING = np.zeros((HALF, HALF))
# What speaks for each of three classes: red squares, blue stripes that lie, green ones that stand.
PATTERNS = [
    np.stack([(ROWS // 8 + COLUMNS // 8) % 2 * 255, NOTHING, NOTHING], axis=-1),
    np.stack([NOTHING, NOTHING, ROWS // 4 % 2 * 255], axis=-1),
    np.stack([NOTHING, COLUMNS // 4 % 2 * 255, NOTHING], axis=-1),
]
CORNERS = [(0, 0), (0, 1), (1, 1), (1, 0)]
# A pattern by its corner, and one corner without. None is its own mirror image, any way.
PLANTED = {0: (1, 0), 1: (0, 1), 2: (1, 1)}
JOINT = "efficientnet_lite0+mobilenet"


def plant(planted, seed):
    """A picture of noise with patterns in some corners: their classes, and where."""
    picture = np.random.default_rng(seed).integers(100, 156, (SIZE, SIZE, 3)).astype(np.float32)
    for pattern, (row, column) in planted.items():
        corner(picture, row, column)[:] = PATTERNS[pattern]
    return picture


def corner(array, row, column):
    height, width = array.shape[0] // 2, array.shape[1] // 2
    return array[row * height :, column * width :][:height, :width]


def turned(planted, times):
    """Move each pattern to the next corner, some times."""
    return {
        pattern: CORNERS[(CORNERS.index(place) + times) % 4] for pattern, place in planted.items()
    }


def settings(hidden_units=0):
    return TrainHead(
        standardize=False, levels=True, hidden_units=hidden_units, dropout=0.2, l2=0,
        class_weight="none", optimizer="adam", learning_rate=1e-3, schedule="constant",
        batch_size=32, epochs=1, patience=1,
    )  # fmt: skip


def with_head(extractor, kernel):
    """Put a head of a given kernel upon an extractor, and untrained layers about it."""
    classes = 2 if kernel.shape[1] == 1 else kernel.shape[1]
    head = build_head(len(kernel), classes, settings(), 0)
    head.set_weights([kernel, np.zeros(kernel.shape[1])])
    return keras.Model(extractor.input, head(extractor.output), name="classifier")


def kernel_for_patterns(extractor):
    """What the positions of the maps tell of the patterns, in the sense of least squares.

    The patterns are learned in all corners, so that only where they are tells the corners apart.
    """
    arrangements = [turned(PLANTED, times) for times in range(4)]
    pictures = np.stack([plant(each, 1) for each in arrangements])
    maps = parts.conv_base(extractor)(parts.preprocessing(extractor)(pictures)).numpy()
    wanted = np.zeros((*maps.shape[:3], 3))
    for target, planted in zip(wanted, arrangements, strict=True):
        for pattern, (row, column) in planted.items():
            corner(target, row, column)[..., pattern] = 1
    kernel, *_ = np.linalg.lstsq(
        maps.reshape(-1, maps.shape[-1]), wanted.reshape(-1, 3), rcond=1e-4
    )
    return kernel


# Those that differ from these but by their size are left out.
FAMILIES = sorted(
    {*PUBLISHED, "convnext_tiny"} - {"efficientnet_lite1", "efficientnet_lite2", "vgg19"}
)


@pytest.fixture(scope="module", params=[*FAMILIES, JOINT, (JOINT, [SIZE * 2 // 3, SIZE])])
def extractor(request):
    """Of one network, or of several that see the picture in one size or in two."""
    name, size = request.param if isinstance(request.param, tuple) else (request.param, SIZE)
    chosen = random_backbone(name.partition("+")[0], image_size=size)
    return build_extractor(chosen.model_copy(update={"name": name}), Path())


@pytest.fixture(scope="module")
def kernel(extractor):
    return kernel_for_patterns(extractor)


@pytest.mark.parametrize("classes", [2, 3])
def test_each_classes_heat_is_where_its_pattern_is(extractor, kernel, classes):
    """On a picture of other noise."""
    gradcam = GradCam(
        with_head(extractor, kernel if classes == 3 else kernel[:, 1:2] - kernel[:, :1])
    )
    numbers = [*range(classes)]
    heats = gradcam.heat(np.stack([plant(PLANTED, 2)] * classes), numbers)
    for number, heat in zip(numbers, heats, strict=True):
        spread = gradcam.spread(heat, SIZE, SIZE)
        # By chance it would be a quarter; a position sees far beyond its corner.
        assert corner(spread, *PLANTED[number]).sum() / spread.sum() > 0.5


def test_a_position_of_the_maps_lies_where_it_looks(extractor):
    """By the pixels on which it depends most."""
    conv_base = parts.conv_base(extractor)
    positions = conv_base.output.shape[1]
    middle = positions // 2
    with tf.GradientTape() as tape:
        picture = tf.constant(plant({}, 0)[np.newaxis])
        tape.watch(picture)
        maps = conv_base(parts.preprocessing(extractor)(picture))
        seen = tf.reduce_sum(maps[:, middle, middle])
    dependence = np.abs(tape.gradient(seen, picture).numpy()).sum(axis=(0, 3))
    heat = np.zeros((positions, positions), np.float32)
    heat[middle, middle] = 1
    model = with_head(extractor, np.zeros((extractor.output.shape[1], 1)))
    spread = GradCam(model).spread(heat, SIZE, SIZE)
    # A random network's gradients are uneven. Positions are 32 pixels apart, in the smaller of two
    # sizes 48.
    networks = [layer for layer in conv_base.layers if isinstance(layer, keras.Model)]
    stretched = any(layer.name == "stretched" for each in networks for layer in each.layers)
    for axis in (0, 1):
        off = abs(median(spread, axis) - median(dependence, axis))
        assert off < (24 if stretched else 16)


def median(weights, axis):
    """The place with half of the weight on either side, in pixels."""
    along = weights.sum(axis=1 - axis).cumsum()
    return np.interp(0.5, along / along[-1], np.arange(len(along)) + 0.5)


# --- heads of any kind, upon a base that returns the picture itself ---


def build(kernel, pooling=layers.GlobalAveragePooling2D, biases=0, block=2):
    kernel = np.asarray(kernel, float)
    units = kernel.shape[1]
    head = build_head(len(kernel), max(2, units), settings(), 0)
    head.set_weights([kernel, np.zeros(units) + biases])
    return GradCam(classifier(head, pooling=pooling, block=block))


# One red block above the middle, and one blue block at its left, in a black picture.
PICTURE = np.zeros((1, 8, 8, 3), np.float32)
PICTURE[0, 2:4, 4:6, 0] = 200
PICTURE[0, 4:6, 0:2, 2] = 100
RED, BLUE = (1, 2), (2, 0)
RED_OR_BLUE = [[1], [0], [-1]]  # a sigmoid unit: the second class is red


def only_at(place, value):
    expected = np.zeros((1, 4, 4))
    expected[0][place] = value
    return expected


@pytest.mark.parametrize(("label", "place", "value"), [(1, RED, 200 / 16), (0, BLUE, 100 / 16)])
def test_the_heat_is_what_a_position_adds_to_the_logit_or_takes_off(label, place, value):
    """A mean over 16 positions; what speaks against the one of two classes is for the other."""
    found = build(RED_OR_BLUE).heat(PICTURE, [label])
    np.testing.assert_allclose(found, only_at(place, value), rtol=1e-6)


def test_a_softmax_between_two_classes_is_explained_as_a_sigmoid_is():
    """The third class is out of the question; a logit that all classes share explains none."""
    kernel = np.array([[0.02, 0.03, 0], [0.01, 0.01, 0], [0.04, 0.03, 0]])
    softmax = build(np.add(kernel, [[0.5], [0.2], [0.1]]), biases=[0, 0, -1e4])
    sigmoid = build([[0.01], [0], [-0.01]])
    for label in (0, 1):
        np.testing.assert_allclose(
            softmax.heat(PICTURE, [label]), sigmoid.heat(PICTURE, [label]), atol=1e-5
        )


def test_of_flattened_maps_a_position_counts_by_its_own_weights():
    """Averaged gradients would put heat on both blocks, which are equally red."""
    kernel = np.zeros((4, 4, 3))
    kernel[*RED, 0] = 1
    picture = PICTURE.copy()
    picture[0, 4:6, 0:2] = (200, 0, 0)
    gradcam = build(kernel.reshape(-1, 1), layers.Flatten)
    np.testing.assert_allclose(gradcam.heat(picture, [1]), only_at(RED, 200), rtol=1e-6)


def test_a_hidden_layer_is_seen_through():
    head = build_head(3, 2, settings(hidden_units=2), 0)
    # Of two hidden units, one is for red and lowers the logit; the other is never active.
    head.set_weights(
        [np.array([[1.0, -1], [0, 0], [0, 0]]), np.zeros(2), np.array([[-2.0], [5]]), np.zeros(1)]
    )
    gradcam = GradCam(classifier(head))
    np.testing.assert_allclose(gradcam.heat(PICTURE, [0]), only_at(RED, 2 * 200 / 16), rtol=1e-6)
    assert not gradcam.heat(PICTURE, [1]).any()


def test_what_is_the_same_at_every_position_is_placed_nowhere():
    """As the means of larger maps are, beside the last ones."""
    gradcam = build(RED_OR_BLUE)
    red_everywhere = PICTURE.copy()
    red_everywhere[..., 0] = 50
    np.testing.assert_allclose(gradcam.heat(red_everywhere, [0]), only_at(BLUE, 100 / 16))
    assert not gradcam.heat(red_everywhere, [1]).any()


def test_where_the_model_is_sure_the_heat_stays():
    """A probability of 1 has no gradient; its log-odds have."""
    gradcam = build(np.array(RED_OR_BLUE) * 1e3)
    np.testing.assert_allclose(gradcam.heat(PICTURE, [1]), only_at(RED, 1e3 * 200 / 16), rtol=1e-6)


# --- drawing ---


def test_a_picture_is_drawn_at_its_size_and_brightest_where_the_heat_is():
    gradcam = build(RED_OR_BLUE)
    picture = Image.fromarray(PICTURE[0].astype(np.uint8)).resize((80, 40), Image.Resampling.BOX)
    (drawn,) = gradcam.overlays([picture], [1], mirror=False)
    assert drawn.size == picture.size
    lightness = np.asarray(drawn.convert("L"), float)
    row, column = np.unravel_index(lightness.argmax(), lightness.shape)
    assert (row // 5, column // 10) in {(2, 4), (2, 5), (3, 4), (3, 5)}
    (evenly,) = gradcam.overlays([Image.new("RGB", (6, 4), "white")], [1], mirror=False)
    assert len(evenly.getcolors()) == 1


@pytest.mark.parametrize(("mirror", "middle"), [(False, 2.5), (True, 3)])
def test_mirrored_it_is_the_mean_of_both_as_they_lie_in_the_picture(mirror, middle):
    """A block in columns 2 and 3, of which the first is seen; in the mirror it is the second."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[2:4, 2:4, 0] = 200
    gradcam = build(RED_OR_BLUE, block=1)
    picture = Image.fromarray(pixels).resize((80, 80), Image.Resampling.BOX)
    (drawn,) = gradcam.overlays([picture], [1], mirror)
    (cold,) = gradcam.overlays([picture], [0], mirror)
    heat = np.asarray(drawn, float).sum(axis=2) - np.asarray(cold, float).sum(axis=2)
    # Levels of colour aren't quite as far apart as the heat.
    assert median(np.maximum(heat, 0), axis=1) / 10 == pytest.approx(middle, abs=0.15)
