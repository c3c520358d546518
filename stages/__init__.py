"""The stages of the pipeline. Here is what each of them does before it imports anything large."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with_dvc() -> None:
    """Have the kernel end this process when the dvc that started it is killed.

    Left alone, it would go on writing into the outputs of the next run.
    """
    if "DVC_STAGE" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_end_with_dvc()

# It sets what must be set before TensorFlow is imported, which some stages do ahead of it.
import vision  # noqa: E402, F401
