"""Makes equal inputs give equal bytes, whatever the user's own Keras settings are."""

import keras
import tensorflow as tf


def enable() -> None:
    """Let TensorFlow use nothing but deterministic kernels.

    Every random draw of the project is seeded where it is made; the seed here is for what a
    library may draw unasked.
    """
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
