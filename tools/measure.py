"""Measures a run of results/runs.yaml on Dogs vs. Cats: its metrics, its time and its memory.

The pictures are those of `data/external/`, the first 1000/500/1000 of each class. The first seed
runs every stage anew, with a store that is empty at first, so that its time is that from pictures
to metrics; the others take from DVC's cache what the seed doesn't change. Stopped, it goes on with
the first seed that is missing.

Or runs params.yaml as it is, and tells how far its metrics move by luck alone. Each seed is an
experiment of its own. That of params.yaml comes first, and its results are those in the workspace
at the end.
"""

import hashlib
import resource
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML
from tabulate import tabulate

from tools.compare import MODELS
from tools.dvc_command import run_stages
from tools.experiment import flatten, named, sets
from vision.params import Params, load_params
from vision.runtime import environment
from vision.runtime.errors import UserError
from vision.runtime.files import read_json, write_json

PARAMS = Path("params.yaml")
RUNS = Path("results/runs.yaml")
MEASURED = {
    "head": Path("metrics/head.json"),
    "finetune": Path("metrics/finetune.json"),
    "evaluate": Path("metrics/evaluate.json"),
    "calibrate": Path("metrics/calibration.json"),
}
RESULTS = Path("metrics/results")
SEEDS = 2**32
# The pictures of "Deep Learning with Python", 2nd edition.
PICTURES = {
    "download.source": "external",
    "subset.train": 1000,
    "subset.validation": 500,
    "subset.test": 1000,
    "subset.order": "natural",
}


def measure(name: str, count: int) -> None:
    """Measure a run of results/runs.yaml with those of so many seeds that are missing.

    Raises
    ------
    UserError
        There is no run of this name, or what was measured of it is of other parameters.
    """
    changes = read_run(name)
    params = load_params(PARAMS)
    to = RESULTS / f"{name}.json"
    result = read_json(to) if to.exists() else {"seeds": {}}
    if result["seeds"]:
        wanted = flatten(params.model_dump()) | changes
        if other := differing(result["params"], wanted):
            key = other[0]
            raise UserError(
                f"{to} is of other parameters ({key} = {result['params'].get(key)!r}, which is "
                f"{wanted.get(key)!r} now); remove it to measure anew"
            )
    missing = [seed for seed in first_seeds(params, count) if str(seed) not in result["seeds"]]
    if not missing:
        print(f"{to} has these seeds already; remove it to measure anew")
    with restored(PARAMS), tempfile.TemporaryDirectory() as cache:
        for seed in missing:
            forced = [] if result["seeds"] else ["--force"]
            changed = sets(changes | {"seed": seed})
            took = run_stages("exp", "run", *forced, *changed, XDG_CACHE_HOME=cache)
            if not result["seeds"]:
                result |= {"params": flatten(load_params(PARAMS).model_dump())} | cost_of(*took)
            result["seeds"][str(seed)] = {name: read_json(path) for name, path in MEASURED.items()}
            write_json(result, to)


def spread(count: int) -> None:
    """Run an experiment with each of so many seeds, and tell how each metric spreads."""
    params = load_params(PARAMS)
    seeds = first_seeds(params, count)
    metrics = {}
    with restored(PARAMS):
        for number, seed in enumerate(seeds, 1):
            print(f"\nseed {seed}, {number} of {len(seeds)}", flush=True)
            of_seed = params.model_copy(update={"seed": seed}).model_dump_json().encode()
            # One that is already there has the same parameters; where the code is the same too,
            # all of it comes from the run cache.
            name = f"seed-{seed}-{hashlib.sha256(of_seed).hexdigest()[:6]}"
            run_stages(*named(name, {"seed": seed}))
            measured = read_json(MEASURED["evaluate"])
            metrics[seed] = flatten({name: measured[name] for name in MODELS})
    run_stages("repro")  # from the run cache
    print("\n" + report(pd.DataFrame.from_dict(metrics, orient="index")))


def first_seeds(params: Params, count: int) -> list[int]:
    """Return that of params.yaml, and those that follow it."""
    return [(params.seed + number) % SEEDS for number in range(count)]


def report(metrics: pd.DataFrame) -> str:
    """Return a table of how each metric spreads.

    Parameters
    ----------
    metrics : a row for each seed, a column for each metric.
    """
    table = tabulate(
        metrics.agg(["mean", "std", "min", "max"]).T,
        ["metric", "mean", "standard deviation", "least", "greatest"],
        floatfmt=".4f",
    )
    seeds = ", ".join(str(seed) for seed in metrics.index)
    return f"Seeds {seeds}:\n\n{table}"


@contextmanager
def restored(path: Path) -> Iterator[None]:
    """Leave a file as it was, whatever happens."""
    before = path.read_bytes()
    try:
        yield
    finally:
        path.write_bytes(before)


def read_run(name: str) -> dict[str, object]:
    """Return the parameters that a run sets.

    Those of a recipe are the recipe's own, on another base or with a file of weights where one is
    named, but for the number of test pictures, which is the same in every run.

    Raises
    ------
    UserError
        There is no run of this name.
    """
    runs = YAML(typ="safe", pure=True).load(RUNS)
    if name not in runs:
        raise UserError(f"{name} is no run of {RUNS}; there are {', '.join(runs)}")
    content = runs[name]
    if "recipe" not in content:
        return PICTURES | content["set"]
    # Here, as it imports Keras, which what runs for hours beside the stages can do without.
    from tools.recipe import build_base, read_recipe, with_base, with_equivalent_block

    backbone, weights = (content.get(name, "") for name in ("backbone", "weights"))
    recipe = with_base(read_recipe(content["recipe"]), backbone, weights, "")
    if backbone:
        recipe = with_equivalent_block(recipe, build_base(recipe.backbone))
    of_recipe = flatten(recipe.model_dump())
    return PICTURES | of_recipe | {"subset.test": PICTURES["subset.test"]} | content["set"]


def differing(measured: Mapping[str, object], wanted: Mapping[str, object]) -> list[str]:
    """Return the parameters in which two runs differ, but for the seed and the store's size."""
    keys = measured.keys() | wanted.keys()
    return sorted(k for k in keys - {"seed", "store.max_gb"} if measured.get(k) != wanted.get(k))


def cost_of(seconds: Mapping[str, float], total: float) -> dict[str, object]:
    """Return what a run took and where, from the seconds of each stage and of the whole.

    Returns
    -------
    The cost: seconds of each stage, total_seconds, and peak_memory_mb of the process that took
    most. And the processor: its name, and the threads used.
    """
    described = environment.describe()
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return {
        "cost": {
            "seconds": {stage: round(of_stage, 1) for stage, of_stage in seconds.items()},
            "total_seconds": round(total, 1),
            "peak_memory_mb": memory,
        },
        "processor": {"name": described["processor"]["name"], "threads": described["threads"]},
    }
