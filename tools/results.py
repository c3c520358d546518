"""Writes docs/background/results.md and its figures from the committed metrics.

    python -m tools.results

results/text.md is the document with its tables, a Jinja2 template. What it shows is in metrics/:
results/ (`few measure NAME`), baselines/, panel/ (`python -m benchmarks.panel FOLDER`) and
studies/. What is missing there is said to be.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from ruamel.yaml import YAML
from tabulate import tabulate

from baselines import draw
from studies import learning_curve
from vision.evaluation import scores
from vision.runtime.errors import UserError
from vision.runtime.files import read_json
from vision.runtime.program import run

RESULTS = Path("results")
METRICS = Path("metrics")
CURVE = Path("plots/studies/learning_curve.csv")
DOCUMENT = Path("docs/background/results.md")
FIGURES = Path("docs/background/results")


def main() -> None:
    environment = Environment(
        loader=FileSystemLoader(RESULTS),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"table": table, "mean": mean}
    environment.globals |= {"interval": interval, "gain": gain, "moved": moved, "sum": sum}
    try:
        text = environment.get_template("text.md").render(measured())
    except TemplateError as error:
        raise UserError(f"{RESULTS}/text.md can't be filled in: {error}") from None
    DOCUMENT.write_text(text, encoding="utf-8", newline="\n")
    draw_figures()


def measured() -> dict[str, object]:
    """Return what the template names: settings, and what was measured, by the files' names."""
    yaml = YAML(typ="safe", pure=True)
    studies = METRICS / "studies"
    return {
        "runs": yaml.load(RESULTS / "runs.yaml"),
        "sets": yaml.load(RESULTS / "panel.yaml")["sets"],
        "backbones": yaml.load(Path("studies/params.yaml"))["backbones"]["settings"],
        "networks": draw.NETWORKS,
        "forms": draw.FORMS,
        "results": read_folder(METRICS / "results"),
        "panel": read_folder(METRICS / "panel"),
        "from_scratch": read_folder(METRICS / "baselines"),
        "costs": read_folder(METRICS / "costs"),
        "studies": read_folder(studies),
        "of_backbones": read_folder(studies / "backbones"),
        "heads": read_folder(studies / "heads"),
        "curve": pd.read_csv(CURVE).to_dict("records") if CURVE.exists() else [],
    }


def read_folder(folder: Path) -> dict[str, dict]:
    """Read the JSON files of a folder, by their names."""
    return {path.stem: read_json(path) for path in sorted(folder.glob("*.json"))}


def draw_figures() -> None:
    """Draw the learning curves again, where what they show is there."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        draw.draw().savefig(FIGURES / "baselines.png")
    if CURVE.exists():
        learning_curve.draw(pd.read_csv(CURVE)).savefig(FIGURES / "learning_curve.png")


def table(text: str) -> str:
    """Align a table: lines of cells between |, the first of them its header."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.strip()
    ]
    return tabulate(rows[1:], rows[0], tablefmt="github", disable_numparse=True) + "\n"


def mean(values: Iterable[float], form: str = ".4f") -> str:
    """Write the mean, and ± the standard deviation of more than one; nothing of none."""
    values = list(values)
    if len(values) < 2:
        return "".join(f"{value:{form}}" for value in values)
    return f"{np.mean(values):{form}} ± {np.std(values, ddof=1):{form.removeprefix('+')}}"


def interval(share: float, pictures: float) -> str:
    """Write the 95 % interval of a share of so many pictures."""
    low, high = scores.accuracy_interval(share * pictures, pictures)
    return f"({low:.4f}–{high:.4f})"


def gain(ways: Mapping[str, dict], other: str) -> str:
    """Write by how much `good` beats another way on the splits of both, ± its standard error."""
    ours, theirs = ways.get("good", {}), ways.get(other, {})
    differences = [ours[seed]["test"] - theirs[seed]["test"] for seed in ours if seed in theirs]
    if len(differences) < 2:
        return mean(differences, "+.3f")
    error = np.std(differences, ddof=1) / len(differences) ** 0.5
    return f"{np.mean(differences):+.3f} ± {error:.3f}"


def moved(folds: Mapping[str, list[float]], first: Mapping[str, list[float]]) -> str:
    """Write how the loss differs from the first one's, fold by fold; nothing if it doesn't."""
    differences = np.subtract(folds["loss"], first["loss"])
    return mean(differences, "+.4f") if differences.any() else ""


if __name__ == "__main__":
    run(main)
