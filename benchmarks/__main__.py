"""Runs the benchmarks, and writes docs/benchmarks.md.

    python -m benchmarks [NAME...]

What a benchmark measured is kept in benchmarks/measured/, so that one of them can be run anew.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import extraction, finetuning, growth, head, new_pictures, start_up, storage
from vision import environment

DOCUMENT = Path("docs/benchmarks.md")
TEXT = Path("benchmarks/text.md")
MEASURED = Path("benchmarks/measured")
# Each gives its table as it is so far; the last one is whole.
BENCHMARKS: dict[str, Callable[[], Iterator[str]]] = {
    "extraction": extraction.report,
    "new_pictures": new_pictures.report,
    "finetuning": finetuning.report,
    "head": head.report,
    "start_up": start_up.report,
    "storage": storage.report,
    "growth": growth.report,
}
# Run by hand, since they take an archive or a revision: python -m benchmarks.whole
BY_HAND = ("extraction_originals", "paired", "decoding", "whole")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; without, all"
    )
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        sys.exit(f"error: {unknown[0]} is no benchmark; there are {', '.join(BENCHMARKS)}")
    for name in names:
        for table in BENCHMARKS[name]():
            keep(name, table)


def keep(name: str, table: str) -> None:
    """Keep what a benchmark measured, where and of which commit, and write the document anew."""
    described = environment.describe()
    processor = described["processor"]["name"]
    head = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    where = (
        f"*{processor}, {described['threads']} threads, "
        f"TensorFlow {described['libraries']['tensorflow']}, commit {commit}.*"
    )
    MEASURED.mkdir(exist_ok=True)
    (MEASURED / f"{name}.md").write_text(f"{table}\n\n{where}\n", encoding="utf-8")
    write()


def write() -> None:
    """Write the document from the text and what was measured."""
    document = TEXT.read_text(encoding="utf-8")
    for name in (*BENCHMARKS, *BY_HAND):
        measured = MEASURED / f"{name}.md"
        table = measured.read_text(encoding="utf-8") if measured.exists() else "Not measured.\n"
        document = document.replace(f"{{{name}}}\n", table)
    DOCUMENT.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
