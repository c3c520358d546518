"""Refuse a Python that can't run the project, before any import of what it lacks.

Parsed by Pythons from 3.8 on, and the first thing that is imported.
"""

import importlib.util
import sys

LEAST = (3, 11)
# Two that hardly any other environment has both of.
_PACKAGES = ("ai_edge_litert", "keras")


def check() -> None:
    """End the program with one line where its Python is too old, or hasn't the packages."""
    here = "this Python, {}.{}.{} in {},".format(*sys.version_info[:3], sys.executable)
    then = "run `make install`, and after it `source .venv/bin/activate` in each new shell"
    if sys.version_info < LEAST:
        sys.exit("error: {} is older than {}.{}; {}".format(here, *LEAST, then))
    lacking = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if lacking:
        sys.exit("error: {} has no {}; {}".format(here, " and no ".join(lacking), then))
