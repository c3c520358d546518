"""Where in a picture a model saw what spoke for a class: Grad-CAM.

R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", ICCV 2017: the last feature maps, each weighted by how much the class gains from it.
Two things are settled here that the paper leaves open:

- What is explained are the log-odds of a class against all others. They are the logit of a
  sigmoid unit (of its other class, the negative), and unlike the logits of a softmax they don't
  change where all logits rise together, which changes no probability.
- Gradients are taken at each position, not averaged over the map. Where the maps are pooled they
  are the same at every position, and so is the result. Where they are flattened, an average would
  show evidence where there is none (R. L. Draelos and L. Carin, "Use HiResCAM instead of Grad-CAM
  for faithful explanations of convolutional neural networks", arXiv:2011.08891).
"""

from collections.abc import Sequence
from functools import reduce

import keras
import matplotlib as mpl
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image
from scipy.ndimage import map_coordinates

from vision.networks import parts

# Heat in a colour that grows lighter with it, so that it shows in print as well.
_COLOURS = mpl.colormaps["inferno"]
# Of the picture's own colours, what is left where there is no heat, and of it where it is greatest.
_KEPT_COLD, _KEPT_HOT = 0.55, 0.3


class GradCam:
    """Explains what a model says of pictures.

    Parameters
    ----------
    model : from RGB pictures 0-255 to probabilities, with the parts of `vision.networks.parts`.

    Attributes
    ----------
    image_size : height and width of the pictures that it takes.
    """

    def __init__(self, model: keras.Model):
        self.image_size: int = model.input.shape[1]
        self._preprocessing = parts.preprocessing(model)
        self._conv_base = parts.conv_base(model)
        self._to_logits = _from_maps_to_logits(model)
        self._first, self._step = _places(self._conv_base)

    def heat(self, pictures: np.ndarray, classes: Sequence[int]) -> np.ndarray:
        """Return how much each position of the last maps adds to the log-odds of a class.

        The maps of all layers of all pictures are in memory together.

        Parameters
        ----------
        pictures : RGB values 0-255, shape (pictures, image_size, image_size, 3).
        classes : the number of the class in question, of each picture.

        Returns
        -------
        Shape (pictures, height, width) of the maps, float32. What speaks against is 0.
        """
        prepared = self._preprocessing(pictures.astype(np.float32))
        maps = self._conv_base(prepared, training=False)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            log_odds = _log_odds(self._to_logits(maps, training=False), classes)
        contributions = tf.reduce_sum(tape.gradient(log_odds, maps) * _placed(maps), axis=-1)
        return tf.nn.relu(contributions).numpy()

    def spread(self, heat: np.ndarray, width: int, height: int) -> np.ndarray:
        """Lay the heat of one picture over it, however large it is.

        Each position of the maps comes to lie where the network looks from it, in the middle of
        its receptive field: where a network cuts off what is left at the edge, that isn't where
        the maps stretched to the picture would lie. Between them it goes smoothly (by quadratic
        B-splines, which never leave the range of the values).

        Returns
        -------
        Shape (height, width).
        """
        rows, columns = (
            ((np.arange(pixels) + 0.5) / pixels * self.image_size - self._first) / self._step
            for pixels in (height, width)
        )
        places = np.meshgrid(rows, columns, indexing="ij")
        return map_coordinates(heat, places, order=2, mode="nearest", prefilter=False)

    def overlays(
        self, pictures: Sequence[Image.Image], classes: Sequence[int], mirror: bool
    ) -> list[Image.Image]:
        """Draw RGB pictures with the heat of a class upon each, scaled to its greatest.

        Parameters
        ----------
        pictures : of any size. One in which nothing speaks for the class has no heat.
        classes : see `heat`.
        mirror : whether it is the mean of the heat in the picture and in its mirror image, as the
            probabilities may be.
        """
        size = (self.image_size, self.image_size)
        squeezed = np.stack([each.resize(size, Image.Resampling.BILINEAR) for each in pictures])
        spread = self._spread_all(squeezed, classes, pictures)
        if mirror:
            # Laid over the picture first: the maps' positions needn't lie evenly about its middle.
            mirrored = self._spread_all(squeezed[:, :, ::-1], classes, pictures)
            spread = [(a + b[:, ::-1]) / 2 for a, b in zip(spread, mirrored, strict=True)]
        return [overlay(picture, heat) for picture, heat in zip(pictures, spread, strict=True)]

    def _spread_all(
        self, squeezed: np.ndarray, classes: Sequence[int], over: Sequence[Image.Image]
    ) -> list[np.ndarray]:
        heats = self.heat(squeezed, classes)
        return [self.spread(heat, *picture.size) for heat, picture in zip(heats, over, strict=True)]


def overlay(picture: Image.Image, heat: np.ndarray) -> Image.Image:
    """Draw heat of 0 and above, shape (height, width), upon a grey copy of an RGB picture."""
    share = (heat / (heat.max() or 1))[..., np.newaxis]
    grey = np.asarray(picture.convert("L"), np.float32)[..., np.newaxis] / 255
    kept = _KEPT_COLD + (_KEPT_HOT - _KEPT_COLD) * share
    drawn = kept * grey + (1 - kept) * _COLOURS(share[..., 0])[..., :3]
    return Image.fromarray(np.rint(255 * drawn).astype(np.uint8))


def _placed(maps: tf.Tensor) -> tf.Tensor:
    """Keep the feature maps that tell one place from another: the means of larger maps don't."""
    highest, lowest = (
        reduce(maps, axis=(1, 2), keepdims=True) for reduce in (tf.reduce_max, tf.reduce_min)
    )
    return tf.where(highest > lowest, maps, 0)


def _from_maps_to_logits(model: keras.Model) -> keras.Model:
    """Build the model from feature maps to what the last activation is applied to."""
    maps = keras.Input(parts.conv_base(model).output.shape[1:])
    _, *inner, last = parts.head(model).layers
    outputs = parts.features(model)(maps)
    for layer in inner:
        outputs = layer(outputs)
    linear = type(last).from_config(last.get_config() | {"activation": "linear"})
    outputs = linear(outputs)
    linear.set_weights(last.get_weights())
    return keras.Model(maps, outputs)


def _log_odds(logits: tf.Tensor, classes: Sequence[int]) -> tf.Tensor:
    """Return the log-odds of each picture's class against all others, shape (pictures,)."""
    if logits.shape[1] == 1:  # a sigmoid unit is a softmax whose first logit is 0
        logits = tf.concat([tf.zeros_like(logits), logits], axis=1)
    chosen = tf.one_hot(classes, logits.shape[1], on_value=True, off_value=False, dtype=tf.bool)
    others = tf.where(chosen, -np.inf, logits)
    return tf.boolean_mask(logits, chosen) - tf.reduce_logsumexp(others, axis=1)


def _places(network: keras.Model) -> tuple[float, float]:
    """Find where in the picture the positions of a network's feature maps look.

    Returns
    -------
    The middle of the first one's receptive field and the distance to the next, in pixels; height
    and width don't differ. Where branches meet, they lie upon each other but for a pixel or so,
    and the first stands for all; of networks side by side, the mean does.
    """
    found = {id(network.input): (0.5, 1.0)}
    for operation in network.operations:
        if isinstance(operation, layers.GlobalAveragePooling2D):
            continue  # a mean of all places is of none
        # By its calls, since a network's own input and output are others within it.
        for call in operation._inbound_nodes:
            if entering := [found[id(t)] for t in call.input_tensors if id(t) in found]:
                places = _after(operation, np.mean(entering, axis=0))
                found[id(call.output_tensors[0])] = places
    return found[id(network.output)]


def _after(operation: keras.Operation, places: tuple[float, float]) -> tuple[float, float]:
    """Return where the positions of an operation's output look, from where its input's do."""
    first, step = places
    if isinstance(operation, keras.Sequential):
        return reduce(lambda found, layer: _after(layer, found), operation.layers, places)
    if isinstance(operation, keras.Model):
        own_first, own_step = _places(operation)
        return first + step * (own_first - 0.5), step * own_step
    if isinstance(operation, layers.Resizing):
        shrunk = operation.input.shape[1] / operation.height
        return first + step * (shrunk - 1) / 2, step * shrunk
    if isinstance(operation, layers.ZeroPadding2D):
        return first - step * operation.padding[0][0], step
    kernel = getattr(operation, "kernel_size", getattr(operation, "pool_size", None))
    if not kernel:
        return first, step
    stride, missing = operation.strides[0], 0
    if operation.padding == "same":
        height = operation.input.shape[1]
        missing = (operation.output.shape[1] - 1) * stride + kernel[0] - height
    return first + step * ((kernel[0] - 1) / 2 - max(missing, 0) // 2), step * stride
