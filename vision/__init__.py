"""What the stages share.

TensorFlow and Keras read these variables once, when they are first imported, so they are set
here, ahead of every module that imports them. They are set and not merely defaulted: the results
depend on them, and nothing outside the repository may change a result.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
# The faster kernels, which TensorFlow leaves off on some processors. They change the last bits.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
# The default prints a page about the processor and missing GPUs at each start.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
