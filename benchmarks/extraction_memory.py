"""Shows that extraction takes no more memory for many pictures than for few.

    python -m benchmarks.extraction_memory

Runs the extract stage, with the parameters of params.yaml, over copies of the pictures that the
pipeline drew, and prints the peak memory of each run.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "data" / "subset" / "train"


def peak_megabytes(count: int, folder: Path) -> float:
    """Extract so many pictures in a process of its own; give its peak resident memory in MB."""
    lay_out(count, folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.extract"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("the extract stage failed; see above")
    return usage.ru_maxrss * 1024 / 1e6


def lay_out(count: int, folder: Path) -> None:
    """Fill data/subset with copies: all but two pictures of each split are for training."""
    shutil.copy(ROOT / "params.yaml", folder)
    originals = sorted(PICTURES.rglob("*.jpg"))
    for number in range(count):
        original = originals[number % len(originals)]
        split = {0: "validation", 1: "test"}.get(number, "train")
        copy = folder / "data/subset" / split / original.parent.name / f"{number}.jpg"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(original, copy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", type=int, nargs="*", default=[2_000, 20_000])
    rows = []
    for count in sorted(parser.parse_args().counts):
        with tempfile.TemporaryDirectory() as folder:
            rows.append((count, peak_megabytes(count, Path(folder))))
    print(tabulate(rows, ["pictures", "peak memory (MB)"], intfmt=",", floatfmt=",.0f"))


if __name__ == "__main__":
    main()
