"""Runs one experiment of DVC that sets several parameters, and is known by a name."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from functools import reduce
from operator import getitem
from pathlib import Path

from ruamel.yaml import YAML

from serving.run import flatten as flatten
from tools.dvc_command import DVC, environment


def run_experiment(name: str, values: Mapping[str, object]) -> None:
    """Print the command, and run it in place of this program, which might hold much memory.

    Parameters
    ----------
    name : of the experiment; one of this name from before goes. What it ran is in the run cache.
    values : what is set, named as dvc does, `finetune.epochs`.
    """
    arguments = named(name, values)
    print(f"$ dvc {shlex.join(arguments)}", flush=True)
    os.execve(DVC[0], [*DVC, *arguments], environment())


def named(name: str, values: Mapping[str, object]) -> list[str]:
    """Return dvc's arguments for an experiment of a name; one of this name from before goes."""
    remove = [*DVC, "exp", "remove", "--quiet", name]
    subprocess.run(remove, env=environment(), capture_output=True, check=False)
    return ["exp", "run", "--name", name, *sets(values)]


def sets(values: Mapping[str, object]) -> list[str]:
    """Return dvc's arguments that set parameters."""
    pairs = [("--set-param", f"{key}={written(value)}") for key, value in values.items()]
    return [part for pair in pairs for part in pair]


def set_params(file: Path, values: Mapping[str, object]) -> None:
    """Set parameters, named as dvc does, in a file; its comments stay."""
    yaml = YAML()
    content = yaml.load(file)
    for key, value in values.items():
        *sections, name = key.split(".")
        reduce(getitem, sections, content)[name] = value
    yaml.dump(content, file)


def written(value: object) -> str:
    """Write a value as dvc reads it: null, true, 0.2, [1, 2], and text in quotes if need be."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    text = str(value)
    if all(sign.isalnum() or sign in "_-./" for sign in text):
        return text
    escaped = text.replace("'", r"\'")
    return f"'{escaped}'"
