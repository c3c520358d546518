"""Measures time and memory of the stages for more and more pictures, and DVC's own share of it.

    python -m benchmarks.growth [PICTURES...]

After a run, whose training pictures are taken, in copies that differ by some bytes after the end
of the picture. Each stage runs by itself, then `dvc commit` takes in what it wrote: hashes it and
puts it into the cache.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from tabulate import tabulate

from benchmarks.project import ROOT, clone

COUNTS = (1_000, 4_000, 16_000, 64_000)
STAGES = ("download", "subset", "extract", "train_head")
# Stages between them that are nothing here.
BETWEEN = ("extract_views",)
PICTURES = ROOT / "data/subset/train"
FIGURE = ROOT / "docs/benchmarks/growth.png"
PARAMS = {
    "download.source": "external",
    "subset.train": 0.5,
    "subset.validation": 0.25,
    "subset.test": 0.25,
    "backbone.name": "efficientnet_lite0",
    "backbone.image_size": 224,
    "store.max_gb": 0,
    "train_head.epochs": 10,
    "train_head.patience": 10,
}
# Okabe and Ito's, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
MARKERS = "osD^v"
DVC = "DVC"


def report(counts: tuple[int, ...] = COUNTS) -> str:
    """Measure, draw and give a table."""
    found = pd.concat([measure(count) for count in counts])
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    draw(found).savefig(FIGURE)
    seconds = found.pivot(index="pictures", columns="stage", values="seconds")
    memory = found.pivot(index="pictures", columns="stage", values="peak_mb")
    columns = [*STAGES, DVC]
    rows = [
        [f"{count:,}"]
        + [f"{seconds.loc[count, column]:,.1f}" for column in columns]
        + [f"{memory.loc[count, column]:,.0f}" for column in columns]
        for count in counts
    ]
    header = ["pictures", *(f"{k}, s" for k in columns), *(f"{k}, MB" for k in columns)]
    return (
        tabulate(rows, header, tablefmt="github", disable_numparse=True)
        + "\n\n![Time and memory over the number of pictures](benchmarks/growth.png)"
    )


def measure(count: int) -> pd.DataFrame:
    """Run the stages over so many pictures.

    Returns
    -------
    One row a stage, and one of DVC's commits together: pictures, stage, seconds, and peak_mb, of
    resident memory in MB (1e6 bytes).
    """
    rows = []
    with tempfile.TemporaryDirectory() as parent:
        folder = clone(Path(parent) / "project", PARAMS)
        write_archive(count, folder / "data/external/pictures.zip")
        of_dvc = []
        for stage in (*STAGES[:3], *BETWEEN, *STAGES[3:]):
            print(f"benchmarks.growth: {count:,} pictures, {stage}", file=sys.stderr, flush=True)
            seconds, peak = watched([sys.executable, "-m", f"stages.{stage}"], folder)
            if stage in STAGES:
                rows.append([count, stage, seconds, peak])
            of_dvc.append(watched(["dvc", "commit", "--force", "--quiet", stage], folder))
    seconds, peaks = zip(*of_dvc, strict=True)
    rows.append([count, DVC, sum(seconds), max(peaks)])
    return pd.DataFrame(rows, columns=["pictures", "stage", "seconds", "peak_mb"])


def write_archive(count: int, to: Path) -> None:
    """Pack so many pictures, no two of which are the same file."""
    originals = sorted(path for path in PICTURES.rglob("*") if path.is_file())
    random.Random(0).shuffle(originals)  # so that any number of them is of all classes
    contents = [path.read_bytes() for path in originals]
    with zipfile.ZipFile(to, "w") as archive:
        for number in range(count):
            original = originals[number % len(originals)]
            content = contents[number % len(originals)] + number.to_bytes(4, "big")
            archive.writestr(f"{original.parent.name}/{number}{original.suffix}", content)


def watched(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; give its seconds and its peak resident memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed; see above")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6


def draw(found: pd.DataFrame) -> Figure:
    """Draw seconds and memory over the number of pictures, both on logarithmic axes."""
    figure = Figure(figsize=(9, 4.2), dpi=110, facecolor="white", layout="constrained")
    for axes, column, label in zip(
        figure.subplots(1, 2),
        ("seconds", "peak_mb"),
        ("Seconds", "Peak memory (MB)"),
        strict=True,
    ):
        for stage, colour, marker in zip((*STAGES, DVC), COLOURS, MARKERS, strict=True):
            rows = found[found["stage"] == stage]
            axes.plot(rows["pictures"], rows[column], color=colour, marker=marker, label=stage)
        counts = sorted(found["pictures"].unique())
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.set_xlabel("Pictures")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    axes.set_ylim(bottom=50)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    figure.suptitle("Stages over more and more pictures, EfficientNet-Lite0 at 224 px")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", type=int, nargs="*", metavar="PICTURES")
    print(report(tuple(parser.parse_args().counts) or COUNTS))


if __name__ == "__main__":
    main()
