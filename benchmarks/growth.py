"""Measures time and memory of the stages for more and more pictures, and DVC's own share of it.

    python -m benchmarks.growth [PICTURES...]

After a run, whose training pictures are taken, in copies that differ by some bytes after the end
of the picture. Each stage runs by itself. Then `dvc commit` takes in what they wrote: hashes it and
puts it into the cache; `dvc status` finds that nothing changed; and `dvc checkout` brings it back
where it is gone.

Memory is anonymous memory, what a command and the processes below it allocate. Pages of files that
they map come and go as the system has room. Nor would the peak that the system keeps of a process
do: it begins at that of the process which started it.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.document import markdown
from benchmarks.project import ROOT, SUBSET, clone
from tools.dvc_command import DVC

COUNTS = (1_000, 4_000, 16_000, 64_000)
STAGES = ("download", "subset", "extract", "train_head")
# With one between them that is nothing here.
RUN = ("download", "subset", "extract", "extract_views", "train_head")
COMMIT, STATUS, CHECKOUT = "dvc commit", "dvc status", "dvc checkout"
STEPS = (*STAGES, COMMIT, STATUS, CHECKOUT)
PICTURES = ROOT / SUBSET / "train"
FIGURE = ROOT / "docs/background/benchmarks/growth.png"
PARAMS = {
    "download.source": "external",
    "subset.train": 0.5,
    "subset.validation": 0.25,
    "subset.test": 0.25,
    "backbone.name": "efficientnet_lite0",
    "backbone.image_size": 224,
    "store.max_gb": 0,
    # By batches; the default's way holds all features in memory.
    "backbone.pooling": "avg",
    "train_head.standardize": False,
    "train_head.l2": 1e-4,
    "train_head.optimizer": "adam",
    "train_head.epochs": 10,
    "train_head.patience": 10,
}
# Okabe and Ito's, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = "osD^vXP"
# Seconds between two looks at the memory; a peak that is over sooner may be missed.
INTERVAL = 0.05


def report(counts: Sequence[int] = COUNTS, figure: Path = FIGURE) -> Iterator[str]:
    """Measure, draw and yield a table, anew after each step: what fails later loses nothing."""
    figure.parent.mkdir(parents=True, exist_ok=True)
    found = pd.DataFrame()
    for count in counts:
        for step, seconds, peak in measure(count):
            row = {"pictures": count, "step": step, "seconds": seconds, "peak_mb": peak}
            found = pd.concat([found, pd.DataFrame([row])], ignore_index=True)
            draw(found).savefig(figure)
            yield tables(found)


def measure(count: int) -> Iterator[tuple[str, float, float]]:
    """Run the stages over so many pictures, and DVC on what they wrote.

    Yields
    ------
    One of STEPS, its seconds, and its peak memory in MB (1e6 bytes).
    """
    with tempfile.TemporaryDirectory() as parent:
        folder = clone(Path(parent) / "project", PARAMS)
        write_archive(count, folder / "data/external/pictures.zip")

        def step(*command: str) -> tuple[float, float]:
            told = " ".join(command)
            print(f"benchmarks.growth: {count:,} pictures, {told}", file=sys.stderr, flush=True)
            return watched(list(command), folder)

        for stage in RUN:
            figures = step(sys.executable, "-m", f"stages.{stage}")
            if stage in STAGES:
                yield stage, *figures
        yield COMMIT, *step(*DVC, "commit", "--force", "--quiet", *RUN)
        yield STATUS, *step(*DVC, "status", "--quiet", *RUN)  # fails where anything changed
        for outputs in ("raw", "subset", "features", "views"):
            shutil.rmtree(folder / "data" / outputs)
        yield CHECKOUT, *step(*DVC, "checkout", "--quiet", *RUN)


def watched(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command in a folder; return its seconds and its peak of memory in MB (1e6)."""
    start = time.perf_counter()
    peak = 0
    with psutil.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, anonymous(process))
            try:
                process.wait(INTERVAL)
            except psutil.TimeoutExpired:
                continue
        seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed; see above")
    return seconds, peak / 1e6


def anonymous(process: psutil.Process) -> int:
    """Return the bytes of anonymous memory of a process and of all below it."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            memory = one.memory_info()
            total += memory.rss - memory.shared  # shared: of files, and shared memory
    except psutil.NoSuchProcess:
        pass  # it ended meanwhile
    return total


def write_archive(count: int, to: Path) -> None:
    """Pack so many pictures, no two of which are the same file."""
    originals = sorted(path for path in PICTURES.rglob("*") if path.is_file())
    random.Random(0).shuffle(originals)  # so that any number of them is of all classes
    with zipfile.ZipFile(to, "w") as archive:
        for number in range(count):
            original = originals[number % len(originals)]
            content = original.read_bytes() + number.to_bytes(4, "big")
            archive.writestr(f"{original.parent.name}/{number}{original.suffix}", content)


def tables(found: pd.DataFrame) -> str:
    """Return the seconds with how they grow, the memory, and the figure."""
    seconds, memory = (
        found.pivot(index="step", columns="pictures", values=values).reindex(
            step for step in STEPS if step in set(found["step"])
        )
        for values in ("seconds", "peak_mb")
    )
    pairs = list(pairwise(seconds.columns))
    table = seconds.map("{:,.1f}".format)
    table.columns = counts = [f"{count:,}" for count in seconds.columns]
    for a, b in pairs[-1:]:
        power = np.log(seconds[b] / seconds[a]) / np.log(b / a)
        table[f"power, {a:,} to {b:,}"] = power.map("{:.2f}".format)
    table = table.replace("nan", "").reset_index()  # what was not measured yet
    of_memory = memory.map("{:,.0f}".format).replace("nan", "").reset_index()
    return "\n\n".join(
        (
            markdown(table.to_numpy(), ["seconds for pictures", *table.columns[1:]]),
            markdown(of_memory.to_numpy(), ["MB for pictures", *counts]),
            "![Time and memory over the number of pictures](benchmarks/growth.png)",
        )
    )


def draw(found: pd.DataFrame) -> Figure:
    """Draw seconds and memory over the number of pictures, both on logarithmic axes."""
    figure = Figure(figsize=(9, 4.2), dpi=110, facecolor="white", layout="constrained")
    labels = {"seconds": "Seconds", "peak_mb": "Peak of anonymous memory (MB)"}
    counts = sorted(found["pictures"].unique())
    for axes, (column, label) in zip(figure.subplots(1, 2), labels.items(), strict=True):
        axes.set_prop_cycle(color=COLOURS, marker=[*MARKERS])
        for step in STEPS:
            rows = found[found["step"] == step]
            axes.plot(rows["pictures"], rows[column], label=step)
        axes.set(xscale="log", yscale="log", xlabel="Pictures", ylabel=label)
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.3)
    axes.set_ylim(bottom=10)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle("Stages over more and more pictures, EfficientNet-Lite0 at 224 px")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", type=int, nargs="*", metavar="PICTURES")
    with tempfile.TemporaryDirectory() as folder:  # a trial leaves the document's figure alone
        for table in report(parser.parse_args().counts or COUNTS, Path(folder) / FIGURE.name):
            print(table, end="\n\n", flush=True)


if __name__ == "__main__":
    main()
