"""Times extraction where all pictures but a few were seen before.

    python -m benchmarks.new_pictures

After a run, on all its pictures; EfficientNet-Lite0 at 224 px. The store is empty at first, then
has all pictures but a hundred, then all.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tabulate import tabulate

TURNS = 3
NEW = 100
SUBSET = Path("data/subset")
WEIGHTS = Path("data/weights")
STORE_GB = 4
# Of the pictures, how many the store has: none, all but the new ones, all.
KNOWN = ("none", f"all but {NEW}", "all")


def report() -> Iterator[str]:
    """Measure, and give a table."""
    found: dict[str, list[float]] = {known: [] for known in KNOWN}
    for turn in range(TURNS):
        print(f"benchmarks.new_pictures: turn {turn + 1} of {TURNS}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as cache:
            finished = subprocess.run(
                [sys.executable, "-m", "benchmarks.new_pictures", "turn"],
                env=os.environ | {"XDG_CACHE_HOME": cache},  # where the store lies
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        told = json.loads(finished.stdout.splitlines()[-1])
        count = told.pop("pictures")
        for known, seconds in told.items():
            found[known].append(seconds)
    seconds = {known: median(of_known) for known, of_known in found.items()}
    rows = [[known, took, took / seconds[KNOWN[0]]] for known, took in seconds.items()]
    header = [f"of {count:,} pictures the store has", "seconds", "to none"]
    yield tabulate(rows, header, tablefmt="github", floatfmt=("", ".1f", ".3f"))


def turn() -> dict[str, float]:
    """Extract with an empty store, with one that lacks the new pictures, and with a whole one.

    Raises
    ------
    AssertionError
        The three gave other bytes.
    """
    import random

    from vision import features, pictures
    from vision.engine import Engine
    from vision.params import Backbone

    network = Engine(
        features.build_extractor(
            Backbone(name="efficientnet_lite0", weights="imagenet", pooling="avg", image_size=224),
            WEIGHTS,
        )
    )
    paths = [
        SUBSET / split / file
        for split in pictures.SPLITS
        for file in pictures.index(SUBSET / split)["file"]
    ]
    random.Random(0).shuffle(paths)
    seconds: dict[str, float] = {}
    written = set()
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "features.npy"
        lacking = Path(os.environ["XDG_CACHE_HOME"]) / "lacking"
        for known in KNOWN:
            if known == KNOWN[1]:
                os.environ["XDG_CACHE_HOME"] = str(lacking)
                features.write(network, paths[NEW:], to, STORE_GB)
            start = time.perf_counter()
            features.write(network, paths, to, STORE_GB)
            seconds[known] = time.perf_counter() - start
            written.add(to.read_bytes())
    assert len(written) == 1, "the store gave other rows"
    return seconds | {"pictures": len(paths)}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import vision  # noqa: F401  (it chooses the kernels)

        print(json.dumps(turn()))
    else:
        print(*report())
