"""Measures a run of results/runs.yaml on Dogs vs. Cats: its metrics, its time and its memory.

    python -m tools.measure lite2 --seeds 5

The pictures are those of `data/external/`, the first 1000/500/1000 of each class. The first seed
runs every stage anew, with a store that is empty at first, so that its time is that from pictures
to metrics; the others take from DVC's cache what the seed doesn't change. Stopped, it goes on with
the first seed that is missing.
"""

import argparse
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tools.dvc_command import DVC
from tools.dvc_command import environment as dvc_environment
from tools.experiment import flatten, written
from tools.recipe import build_base, read_recipe, with_base, with_equivalent_block
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.errors import UserError
from vision.runtime.files import read_json, write_json
from vision.runtime.program import run

PARAMS = Path("params.yaml")
RUNS = Path("results/runs.yaml")
MEASURED = {
    "head": Path("metrics/head.json"),
    "finetune": Path("metrics/finetune.json"),
    "evaluate": Path("metrics/evaluate.json"),
    "calibrate": Path("metrics/calibration.json"),
}
RESULTS = Path("metrics/results")
# The pictures of "Deep Learning with Python", 2nd edition.
PICTURES = {
    "download.source": "external",
    "subset.train": 1000,
    "subset.validation": 500,
    "subset.test": 1000,
    "subset.order": "natural",
}


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes
    ----------
    seconds : of each stage that ran, from its start to the next one's.
    total_seconds : of the whole run, DVC's own work included.
    peak_memory_mb : of the process that took most.
    """

    seconds: dict[str, float]
    total_seconds: float
    peak_memory_mb: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="a run of results/runs.yaml", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=1, help="how many", metavar="N")
    options = parser.parse_args()
    params = load_params(PARAMS)
    changes = read_run(options.name)
    before = PARAMS.read_bytes()
    to = RESULTS / f"{options.name}.json"
    result = read_json(to) if to.exists() else {"seeds": {}}
    if result["seeds"]:
        wanted = flatten(params.model_dump()) | changes
        if other := differing(result["params"], wanted):
            key = other[0]
            raise UserError(
                f"{to} is of other parameters ({key} = {result['params'].get(key)!r}, which is "
                f"{wanted.get(key)!r} now); remove it to measure anew"
            )
    seeds = range(params.seed, params.seed + options.seeds)
    missing = [seed for seed in seeds if str(seed) not in result["seeds"]]
    if not missing:
        print(f"{to} has these seeds already; remove it to measure anew")
    try:
        with tempfile.TemporaryDirectory() as cache:
            for seed in missing:
                cost = reproduce(changes | {"seed": seed}, cache, anew=not result["seeds"])
                if not result["seeds"]:
                    result |= {"params": flatten(load_params(PARAMS).model_dump())}
                    result |= {"cost": asdict(cost), "processor": processor()}
                result["seeds"][str(seed)] = {
                    name: read_json(path) for name, path in MEASURED.items()
                }
                write_json(result, to)
    finally:
        PARAMS.write_bytes(before)


def read_run(name: str) -> dict[str, object]:
    """Give the parameters that a run sets.

    Those of a recipe are the recipe's own, on another base where one is named, but for the number
    of test pictures, which is the same in every run.

    Raises
    ------
    UserError
        There is no run of this name.
    """
    runs = YAML(typ="safe", pure=True).load(RUNS)
    if name not in runs:
        raise UserError(f"NAME = {name} is no run of {RUNS}; there are {', '.join(runs)}")
    content = runs[name]
    if "recipe" not in content:
        return PICTURES | content["set"]
    recipe = with_base(read_recipe(content["recipe"]), content["backbone"], "")
    recipe = with_equivalent_block(recipe, build_base(recipe.backbone))
    of_recipe = flatten(recipe.model_dump())
    return PICTURES | of_recipe | {"subset.test": PICTURES["subset.test"]} | content["set"]


def differing(measured: Mapping[str, object], wanted: Mapping[str, object]) -> list[str]:
    """Name the parameters, but for the seed and the store's size, in which two runs differ."""
    keys = measured.keys() | wanted.keys()
    return sorted(k for k in keys - {"seed", "store.max_gb"} if measured.get(k) != wanted.get(k))


def reproduce(changes: Mapping[str, object], cache: str, anew: bool) -> Cost:
    """Run the pipeline with some parameters changed; show what it says.

    Parameters
    ----------
    cache : the folder for the store, in place of the user's.

    Raises
    ------
    UserError
        It failed.
    """
    sets = [part for key, value in changes.items() for part in ("-S", f"{key}={written(value)}")]
    start = time.monotonic()
    begun = {}
    command = [*DVC, "exp", "run", *(["--force"] if anew else []), *sets]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env=dvc_environment() | {"XDG_CACHE_HOME": cache},
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if stage := re.match(r"Running stage '(.+)'", line):
                begun[stage[1]] = time.monotonic()
    if process.returncode:
        raise UserError("`dvc exp run` failed; see above")
    end = time.monotonic()
    ends = [*list(begun.values())[1:], end]
    return Cost(
        {name: round(b - a, 1) for (name, a), b in zip(begun.items(), ends, strict=True)},
        round(end - start, 1),
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    )


def processor() -> dict[str, object]:
    """Tell what it was measured on."""
    described = environment.describe()
    return {"name": described["processor"]["name"], "threads": described["threads"]}


if __name__ == "__main__":
    run(main)
