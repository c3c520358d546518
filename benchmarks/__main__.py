"""Runs the benchmarks, and writes docs/background/benchmarks.md.

    python -m benchmarks [NAME...]

What a benchmark measured is kept in benchmarks/measured/, so that one of them can be run anew.
"""

import argparse
import sys
from collections.abc import Callable, Iterator

from benchmarks import extraction, growth, start_up
from benchmarks.document import keep

BENCHMARKS: dict[str, Callable[[], Iterator[str]]] = {
    "extraction": extraction.report,
    "start_up": start_up.report,
    "growth": growth.report,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; without, all"
    )
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        sys.exit(f"error: {unknown[0]} is no benchmark; there are {', '.join(BENCHMARKS)}")
    for name in names:
        keep(name, BENCHMARKS[name]())


if __name__ == "__main__":
    main()
