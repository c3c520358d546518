"""Runs a frozen network in LiteRT's form, without TensorFlow.

LiteRT (TensorFlow Lite) with its XNNPACK kernels, in float32. Pictures go through the network one
by one, each thread has an interpreter of its own, and an interpreter one thread: so a picture's
result depends neither on the pictures that come with it nor on the number of threads.
"""

import threading

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from vision.runtime import stderr

# stderr is the whole process'.
_ONE_AT_A_TIME = threading.Lock()


class Network:
    """A network from a single RGB picture 0-255, shape (1, size, size, 3), to a row of numbers.

    It may also be the upper part of one, from the activations that enter it, shape (1, numbers).

    Parameters
    ----------
    content : of a .tflite file.

    Attributes
    ----------
    image_size : height and width of the pictures; of activations, how many they are.
    numbers : the length of a row.

    Raises
    ------
    ValueError
        The content is no such network.
    """

    def __init__(self, content: bytes):
        self.content = content
        self._own = threading.local()
        with _ONE_AT_A_TIME, stderr.no_stderr():
            unready = Interpreter(model_content=content)
        self.image_size = int(unready.get_input_details()[0]["shape"][1])
        self.numbers = int(unready.get_output_details()[0]["shape"][1])

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Run the network over pictures, of any type: float32, shape (pictures, numbers).

        Pictures may be the rows of activations that the network takes.
        """
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
            with _ONE_AT_A_TIME, stderr.no_stderr():
                self._own.interpreter = Interpreter(model_content=self.content, num_threads=1)
                self._own.interpreter.allocate_tensors()
        return self._own.interpreter
