"""Times ways of doing the same, in turns, each in a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.project import ROOT

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

    Returns
    -------
    The median of each figure over the turns, by the way and the name of the figure.
    """
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for turn in range(turns):
        for way in ways:
            named = " ".join([way, *further])
            print(f"{module}: {named}, turn {turn + 1} of {turns}", file=sys.stderr, flush=True)
            found[way].append(ask(module, WAY, way, *further))
    return {
        way: {name: median(figures[name] for figures in of_way) for name in of_way[0]}
        for way, of_way in found.items()
    }


def ask(module: str, *arguments: str) -> dict[str, float]:
    """Run a module, and read the JSON object of figures that is its last line."""
    command = [sys.executable, "-m", module, *arguments]
    finished = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(finished.stdout.splitlines()[-1])


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Return the seconds that it takes."""
    start = time.perf_counter()
    _ = work(*arguments)  # freed when the time is taken
    return time.perf_counter() - start
