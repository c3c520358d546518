"""Times ways of doing the same, in turns, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
# As a freshly installed TensorFlow does it, with oneDNN's kernels where the processor has VNNI.
PLAIN, PLAIN_OFF = "plain", "plain, oneDNN off"
WAY = "--way"
TURNS = 3


def run(time_way: Callable[..., dict[str, float]], main: Callable[[], None]) -> None:
    """Be the program of a benchmark: `measure` has it time one way; else it does what it does."""
    if sys.argv[1:2] != [WAY]:
        main()
        return
    way, *further = sys.argv[2:]
    # It chooses the kernels when it is imported.
    import vision  # noqa: F401

    if way == PLAIN:
        del os.environ["TF_ENABLE_ONEDNN_OPTS"]
    elif way == PLAIN_OFF:
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    print(json.dumps(time_way(way, *further)))


def measure(
    module: str, ways: Sequence[str], *further: str, turns: int = TURNS
) -> dict[str, dict[str, float]]:
    """Run `python -m MODULE --way WAY FURTHER` for each way in turns, several times round.

    Each prints a JSON object of figures as its last line.

    Returns
    -------
    The median of each figure over the turns, by the way and the name of the figure.
    """
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for turn in range(turns):
        for way in ways:
            named = " ".join([way, *further])
            print(f"{module}: {named}, turn {turn + 1} of {turns}", file=sys.stderr, flush=True)
            finished = subprocess.run(
                [sys.executable, "-m", module, WAY, way, *further],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            found[way].append(json.loads(finished.stdout.splitlines()[-1]))
    return {
        way: {name: median(figures[name] for figures in of_way) for name in of_way[0]}
        for way, of_way in found.items()
    }


def between(ends: Sequence[float]) -> float:
    """Give the median of the times from the end of one epoch to that of the next."""
    return median(end - begin for begin, end in pairwise(ends))
