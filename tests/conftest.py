import gc
import signal

import vision  # noqa: F401  sets what must be set before TensorFlow is imported

# A shell starts what runs in its background deaf to Ctrl-C, and so would be all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """Leave what was imported, and all tests, out of the collections of garbage to come."""
    gc.collect()
    gc.freeze()
