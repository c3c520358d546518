"""Starts dvc by this program's own Python, whether or not the environment is active.

The script `dvc` names the folder in which the environment was made, which may have been renamed
since; the module is found where it lies now.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from vision.runtime.errors import UserError

DVC = (sys.executable, "-m", "dvc")


def environment() -> dict[str, str]:
    """Return the variables for dvc: this program's, where the stages' `python` is its own."""
    programs = Path(sys.executable).parent
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which("python", path=path)
    if found is None or Path(found).parent != programs:
        path = f"{programs}{os.pathsep}{path}"
    return os.environ | {"PATH": path}


def dvc(*arguments: str, folder: Path = Path()) -> str:
    """Run a command of DVC's in a project, and return what it prints.

    Raises
    ------
    UserError
        It failed, as for a commit that is not there.
    """
    finished = subprocess.run(
        [*DVC, *arguments], cwd=folder, env=environment(), capture_output=True, text=True
    )
    if finished.returncode:
        raise UserError(f"dvc {' '.join(arguments)} failed: {finished.stderr.strip()}")
    return finished.stdout


def run_stages(
    *arguments: str, folder: Path = Path(), **variables: str
) -> tuple[dict[str, float], float]:
    """Run a dvc command that runs stages, show what it prints, and time it.

    Parameters
    ----------
    variables : of the environment, besides the user's.

    Returns
    -------
    The seconds of each stage that ran, from its start to the next one's; and those of the whole
    command, DVC's own work included.

    Raises
    ------
    UserError
        It failed.
    """
    start = time.monotonic()
    begun = {}
    with subprocess.Popen(
        [*DVC, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env=environment() | variables,
    ) as process:
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                if stage := re.match(r"Running stage '(.+)'", line):
                    begun[stage[1]] = time.monotonic()
        except KeyboardInterrupt:  # dvc has it as well, and puts its things in order
            process.wait()
            raise
    if process.returncode:
        command = " ".join(arguments).partition(" --")[0]
        raise UserError(f"`dvc {command}` failed; see above")
    end = time.monotonic()
    turns = pairwise([*begun.values(), end])
    return {name: b - a for name, (a, b) in zip(begun, turns, strict=True)}, end - start
