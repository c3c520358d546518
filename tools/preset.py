"""The presets: fast, good and best.

Each is a file in presets/: what it sets of params.yaml. All of them set the same parameters, so
that one takes the place of another.
"""

from pathlib import Path

from ruamel.yaml import YAML

from tools.experiment import flatten

PRESETS = Path(__file__).parents[1] / "presets"


def names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_preset(name: str) -> dict[str, object]:
    """Return what a preset sets, by the parameters' names."""
    return flatten(YAML(typ="safe", pure=True).load(PRESETS / f"{name}.yaml"))
