"""Runs the pipeline with one of the presets, as an experiment with that name.

    python -m tools.preset fast

Each is a file in presets/: what it sets of params.yaml. All of them set the same parameters, so
that one takes the place of another.
"""

import argparse
from pathlib import Path

from ruamel.yaml import YAML

from tools.experiment import flatten, run_experiment
from vision.runtime.errors import UserError
from vision.runtime.program import run

PRESETS = Path(__file__).parents[1] / "presets"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help=", ".join(names()), metavar="NAME")
    name = parser.parse_args().name
    run_experiment(name, read_preset(name))


def names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_preset(name: str) -> dict[str, object]:
    """Return what a preset sets, by the parameters' names.

    Raises
    ------
    UserError
        There is none of this name.
    """
    if name not in names():
        raise UserError(f"NAME = {name!r} is no preset; there are {', '.join(names())}")
    return flatten(YAML(typ="safe", pure=True).load(PRESETS / f"{name}.yaml"))


if __name__ == "__main__":
    run(main)
