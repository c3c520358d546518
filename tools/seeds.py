"""Runs the pipeline with several seeds, and tells how far its metrics move by luck alone.

    python -m tools.seeds 5

Each seed is an experiment of its own. The seed of params.yaml comes first, and its results are
those in the workspace at the end.
"""

import argparse
import hashlib
import subprocess
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from tools.dvc_command import DVC, environment
from vision.params import Params, load_params
from vision.runtime.errors import UserError
from vision.runtime.files import read_json
from vision.runtime.program import run

PARAMS = Path("params.yaml")
METRICS = Path("metrics/evaluate.json")
SEEDS = 2**32
LEAST = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", help="how many seeds, 2 or more", metavar="N")
    count = parser.parse_args().count
    if not count.isdecimal() or int(count) < LEAST:
        raise UserError(f"N = {count!r} is refused: a spread needs {LEAST} seeds or more")
    params = load_params(PARAMS)
    before = PARAMS.read_bytes()
    seeds = [(params.seed + number) % SEEDS for number in range(int(count))]
    metrics = {}
    try:
        for seed in seeds:
            print(f"\nseed {seed}, {seeds.index(seed) + 1} of {count}", flush=True)
            metrics[seed] = measure(seed, params)
    finally:
        PARAMS.write_bytes(before)
    dvc("repro")  # from the run cache
    print("\n" + report(pd.DataFrame.from_dict(metrics, orient="index")))


def measure(seed: int, params: Params) -> dict[str, float]:
    """Run the experiment of a seed; give its metrics, as `head.accuracy` and so on."""
    digest = hashlib.sha256(params.model_copy(update={"seed": seed}).model_dump_json().encode())
    name = f"seed-{seed}-{digest.hexdigest()[:6]}"
    # One that is already there has the same parameters; where the code is the same too, all of
    # it comes from the run cache.
    remove = [*DVC, "exp", "remove", "--quiet", name]
    subprocess.run(remove, env=environment(), capture_output=True, check=False)
    dvc("exp", "run", "--name", name, "--set-param", f"seed={seed}")
    content = read_json(METRICS)
    table = pd.json_normalize({key: part for key, part in content.items() if key != "pictures"})
    return table.iloc[0].to_dict()


def dvc(*arguments: str) -> None:
    """Run a dvc command, whose output is shown; where it fails, it says why, and so do we."""
    if subprocess.run([*DVC, *arguments], env=environment(), check=False).returncode:
        raise UserError(f"`dvc {' '.join(arguments)}` failed; see above")


def report(metrics: pd.DataFrame) -> str:
    """Say how each metric spreads.

    Parameters
    ----------
    metrics : a row for each seed, a column for each metric.
    """
    spread = metrics.agg(["mean", "std", "min", "max"]).T
    table = tabulate(
        spread,
        ["metric", "mean", "standard deviation", "least", "greatest"],
        floatfmt=".4f",
    )
    seeds = ", ".join(str(seed) for seed in metrics.index)
    return f"Seeds {seeds}:\n\n{table}"


if __name__ == "__main__":
    run(main)
