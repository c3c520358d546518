"""Writes small results as text that diffs well: JSON and CSV."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a table's own methods write it: who has none needs no pandas
    import pandas as pd


def write_json(content: dict | list, to: Path) -> None:
    """Write readable JSON, making the folder where it is missing."""
    to.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2, ensure_ascii=False)
    to.write_text(text + "\n", encoding="utf-8", newline="\n")


def write_csv(table: "pd.DataFrame", to: Path) -> None:
    """Write a table without its index, making the folder where it is missing.

    Numbers have seven digits, which is what float32 has.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(to, index=False, float_format="%.7g", lineterminator="\n", encoding="utf-8")
