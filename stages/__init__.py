"""The stages of the pipeline. Here is what each of them does before it imports anything large."""

import ctypes
import os
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# By this variable a stage knows that dvc runs it. The guard, which outlives the dvc, goes without.
_OF_DVC = "DVC_STAGE"


def _end_with_dvc() -> None:
    """Have the kernel end this process when the dvc that started it is killed.

    Left alone, it would go on writing into the outputs of the next run.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _mend_after_dvc() -> None:
    """Start what mends the locks of that dvc, should it be killed while it writes them."""
    subprocess.Popen(
        [sys.executable, "-m", "stages.guard", str(os.getppid())],
        env={name: value for name, value in os.environ.items() if name != _OF_DVC},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a kill of the whole group is what it is there for
    )


if _OF_DVC in os.environ and sys.platform == "linux":
    _end_with_dvc()
    _mend_after_dvc()

# It sets what must be set before TensorFlow is imported, which some stages do ahead of it.
import vision  # noqa: E402, F401
