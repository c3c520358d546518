"""Times features and activations where all pictures but a few were seen before.

    python -m benchmarks.new_pictures

After a run, on all its pictures; EfficientNet-Lite0 at 224 px, in whole and up to a block. The
store is empty at first, then has all pictures but a hundred, then all.
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
FEATURES, ACTIVATIONS = "features", "activations at block7a"


def report() -> Iterator[str]:
    """Measure, and give a table."""
    found = {kind: measure(kind) for kind in (FEATURES, ACTIVATIONS)}
    rows = [
        [kind, known, took, took / seconds[KNOWN[0]]]
        for kind, seconds in found.items()
        for known, took in seconds.items()
        if known in KNOWN
    ]
    count = found[FEATURES]["pictures"]
    header = ["kept", f"of {count:,} pictures the store has", "seconds", "to none"]
    yield tabulate(rows, header, tablefmt="github", floatfmt=("", "", ".1f", ".3f"))


def measure(kind: str) -> dict[str, float]:
    """Give the medians of what the turns told."""
    turns = []
    for number in range(TURNS):
        told = f"{kind}, turn {number + 1} of {TURNS}"
        print(f"benchmarks.new_pictures: {told}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as cache:
            finished = subprocess.run(
                [sys.executable, "-m", "benchmarks.new_pictures", kind],
                env=os.environ | {"XDG_CACHE_HOME": cache},  # where the store lies
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        turns.append(json.loads(finished.stdout.splitlines()[-1]))
    return {name: median(turn[name] for turn in turns) for name in turns[0]}


def turn(kind: str) -> dict[str, float]:
    """Extract with an empty store, with one that lacks the new pictures, and with a whole one.

    Raises
    ------
    AssertionError
        The three gave other bytes.
    """
    import random

    import numpy as np

    from vision import pictures
    from vision.features import extraction
    from vision.models.engine import Engine
    from vision.networks import cut
    from vision.networks.extractor import build_extractor
    from vision.params import BackboneSettings

    name = "efficientnet_lite0"
    model = build_extractor(
        BackboneSettings(name=name, weights="imagenet", pooling="avg", image_size=224), WEIGHTS
    )
    dtype = np.float32
    if kind == ACTIVATIONS:
        model, _ = cut.split(model, name, "block7a")
        dtype = np.float16
    network = Engine(model)
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
                extraction.write(network, paths[NEW:], to, STORE_GB, dtype=dtype)
            start = time.perf_counter()
            extraction.write(network, paths, to, STORE_GB, dtype=dtype)
            seconds[known] = time.perf_counter() - start
            written.add(to.read_bytes())
    assert len(written) == 1, "the store gave other rows"
    return seconds | {"pictures": len(paths)}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import vision  # noqa: F401  (it chooses the kernels)

        print(json.dumps(turn(sys.argv[1])))
    else:
        print(*report())
