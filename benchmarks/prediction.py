"""Shows how soon `python -m serving predict` answers, and that many pictures take no more memory.

    python -m benchmarks.prediction

Takes the model and the test pictures of the last run, the pictures over and over. The first row,
a picture, is the start of the program too.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from benchmarks.memory import watched

PICTURES = Path("data/subset/test")


def measure(count: int, folder: Path) -> tuple[int, float, float]:
    """Classify so many pictures in a process of its own; give count, seconds, peak memory in MB."""
    originals = sorted(path.absolute() for path in PICTURES.rglob("*") if path.is_file())
    for number in range(count):
        link = folder / str(number // 1000) / f"{number}.jpg"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(originals[number % len(originals)])
    command = [sys.executable, "-m", "serving", "predict", "--csv", str(folder)]
    return count, *watched(command, Path())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", type=int, nargs="*", default=[1, 200, 2_000])
    rows = []
    for count in parser.parse_args().counts:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(count, Path(folder)))
    header = ["pictures", "seconds", "peak memory (MB)"]
    print(tabulate(rows, header, intfmt=",", floatfmt=("", ",.1f", ",.0f")))


if __name__ == "__main__":
    main()
