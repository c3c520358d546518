"""Runs a frozen network, faster than TensorFlow does.

LiteRT (TensorFlow Lite) with its XNNPACK kernels, in float32. Pictures go through the network one
by one, each thread has an interpreter of its own, and an interpreter one thread: so a picture's
result depends neither on the pictures that come with it nor on the number of threads.
"""

import hashlib
import threading

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from vision import quiet

# stderr is the whole process'.
_ONE_AT_A_TIME = threading.Lock()


class Engine:
    """A network with the weights that it has now.

    Parameters
    ----------
    network : from RGB pictures 0-255, shape (pictures, size, size, 3), to rows of numbers.

    Attributes
    ----------
    image_size : height and width of the pictures.
    numbers : the length of a row.
    digest : of the network and its weights.
    """

    def __init__(self, network: keras.Model):
        self.image_size: int = network.input.shape[1]
        self.numbers: int = network.output.shape[1]
        self._content = _convert(network)
        self.digest: str = hashlib.sha256(self._content).hexdigest()
        self._own = threading.local()

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Run the network over pictures, of any type: float32, shape (pictures, numbers)."""
        interpreter = self._interpreter()
        entrance = interpreter.get_input_details()[0]["index"]
        exit_ = interpreter.get_output_details()[0]["index"]
        rows = np.empty((len(pictures), self.numbers), np.float32)
        for picture, row in zip(pictures, rows, strict=True):
            interpreter.set_tensor(entrance, picture[np.newaxis].astype(np.float32))
            interpreter.invoke()
            row[:] = interpreter.get_tensor(exit_)[0]
        return rows

    def _interpreter(self) -> Interpreter:
        if not hasattr(self._own, "interpreter"):
            with _ONE_AT_A_TIME, quiet.no_stderr():
                self._own.interpreter = Interpreter(model_content=self._content, num_threads=1)
                self._own.interpreter.allocate_tensors()
        return self._own.interpreter


def _convert(network: keras.Model) -> bytes:
    """Write a network for single pictures in LiteRT's form.

    Its variables become constants first: Keras 3's are lost by the converter, or take it three
    times as long by way of a saved model.
    """
    signature = tf.TensorSpec((1, *network.input.shape[1:]), tf.float32)
    function = tf.function(lambda pictures: network(pictures, training=False))
    with quiet.no_stderr():
        constant = convert_variables_to_constants_v2(function.get_concrete_function(signature))
        return tf.lite.TFLiteConverter.from_concrete_functions([constant]).convert()
