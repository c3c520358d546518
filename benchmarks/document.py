"""Keeps what the benchmarks measured, and writes docs/benchmarks.md from it."""

import re
import subprocess
from pathlib import Path

from vision.runtime import environment

DOCUMENT = Path("docs/benchmarks.md")
TEXT = Path("benchmarks/text.md")
MEASURED = Path("benchmarks/measured")
_PLACE = re.compile(r"^\{(\w+)\}\n", re.MULTILINE)


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
    DOCUMENT.write_text(_PLACE.sub(_table, document), encoding="utf-8")


def _table(place: re.Match) -> str:
    measured = MEASURED / f"{place[1]}.md"
    return measured.read_text(encoding="utf-8") if measured.exists() else "Not measured.\n"
