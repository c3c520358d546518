"""Starts dvc by this program's own Python, whether or not the environment is active.

The script `dvc` names the folder in which the environment was made, which may have been renamed
since; the module is found where it lies now.
"""

import os
import shutil
import sys
from pathlib import Path

DVC = (sys.executable, "-m", "dvc")


def environment() -> dict[str, str]:
    """Give the variables for dvc: those of this program, where the stages' `python` is its own."""
    programs = Path(sys.executable).parent
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which("python", path=path)
    if found is None or Path(found).parent != programs:
        path = f"{programs}{os.pathsep}{path}"
    return os.environ | {"PATH": path}
