"""Turns a Keras model into a frozen network in LiteRT's form, which runs faster."""

import hashlib

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from vision.models.litert import Network
from vision.runtime import stderr


class Engine(Network):
    """A network with the weights that it has now.

    Parameters
    ----------
    network : from RGB pictures 0-255, shape (pictures, size, size, 3), or from activations, shape
        (pictures, numbers), to rows of numbers.

    Attributes
    ----------
    digest : of the network and its weights.
    """

    def __init__(self, network: keras.Model):
        super().__init__(_convert(network))
        self.digest: str = hashlib.sha256(self.content).hexdigest()


def _convert(network: keras.Model) -> bytes:
    """Write a network for single pictures in LiteRT's form; equal weights give equal bytes.

    Its variables become constants first: Keras 3's are lost by the converter, or take it three
    times as long by way of a saved model.
    """
    signature = tf.TensorSpec((1, *network.input.shape[1:]), tf.float32)
    function = tf.function(lambda pictures: network(pictures, training=False))
    with stderr.no_stderr():
        constant = convert_variables_to_constants_v2(function.get_concrete_function(signature))
        return tf.lite.TFLiteConverter.from_concrete_functions([constant]).convert()
