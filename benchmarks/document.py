"""Keeps what the benchmarks measured, and writes docs/background/benchmarks.md from it."""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from vision.runtime import environment

DOCUMENT = Path("docs/background/benchmarks.md")
TEXT = Path("benchmarks/text.md")
MEASURED = Path("benchmarks/measured")
_PLACE = re.compile(r"^\{(\w+)\}\n", re.MULTILINE)


def keep(name: str, tables: Iterable[str]) -> None:
    """Keep what a benchmark measured, where and of which commit, and write the document anew.

    Each of the tables has all that was measured so far: what fails later loses nothing.
    """
    described = environment.describe()
    processor = described["processor"]["name"]
    MEASURED.mkdir(exist_ok=True)
    for table in tables:
        where = (
            f"*{processor}, {described['threads']} threads, "
            f"TensorFlow {described['libraries']['tensorflow']}, commit {commit()}.*"
        )
        (MEASURED / f"{name}.md").write_text(f"{table}\n\n{where}\n", encoding="utf-8")
        write()


def commit() -> str:
    """Return the short name of what is checked out."""
    head = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(head, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def markdown(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Return a table, whose cells stay as they are written."""
    return tabulate(rows, header, tablefmt="github", disable_numparse=True)


def write() -> None:
    """Write the document from the text and what was measured."""
    document = TEXT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_PLACE.sub(_table, document), encoding="utf-8")


def _table(place: re.Match) -> str:
    measured = MEASURED / f"{place[1]}.md"
    return measured.read_text(encoding="utf-8") if measured.exists() else "Not measured.\n"
