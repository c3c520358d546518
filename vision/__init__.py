"""Code shared by the stages.

TensorFlow and Keras read these variables once, when they are first imported, so they are set
here, ahead of every module that imports them. They are set and not merely defaulted: the results
depend on them, and nothing outside the repository may change a result.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from vision.runtime import interpreter

interpreter.check()

from vision.runtime.stderr import no_stderr  # noqa: E402

os.environ["KERAS_BACKEND"] = "tensorflow"
# The faster kernels, which TensorFlow leaves off on some processors. They change the last bits.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
# It remarks on stderr where a user has no home to keep its caches in, and does well without.
logging.getLogger("matplotlib").setLevel(logging.ERROR)


class _QuietTensorFlow(importlib.abc.MetaPathFinder):
    """Imports TensorFlow without the lines that it prints before any log level applies.

    They tell of the processor and of missing GPUs, at every start; among them, an error that
    the user can mend would be lost. What Python raises is raised all the same.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_quietly(module: ModuleType) -> None:
                with no_stderr():
                    execute(module)

            spec.loader.exec_module = execute_quietly
        return spec


sys.meta_path.insert(0, _QuietTensorFlow())
