"""Draws accuracy on the test pictures over the number of training pictures."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from studies.params import Params
from vision import figures  # noqa: F401  sets matplotlib's own defaults, whatever the user's are
from vision.params import load_params
from vision.runtime import environment
from vision.runtime.errors import UserError
from vision.runtime.files import read_json, write_csv
from vision.runtime.program import run

PARAMS = Path("studies/params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
MEASURED = {
    "head": Path("metrics/studies/heads"),
    "finetuned": Path("metrics/studies/finetuned"),
}
CURVE = Path("plots/studies/learning_curve.csv")
FIGURE = Path("plots/studies/learning_curve.png")

COLUMNS = {
    "head": ["accuracy", "accuracy_low", "accuracy_high", "lowest", "highest", "draws"],
    "finetuned": ["accuracy", "accuracy_low", "accuracy_high"],
}
# Okabe and Ito's blue and orange, which colour-blind readers can tell apart; and two shapes.
STYLES = {
    "head": {"color": "#0072B2", "marker": "o", "label": "head alone, mean of the draws"},
    "finetuned": {"color": "#D55E00", "marker": "s", "label": "fine-tuned, on the first draw"},
}
# By two hundredths off their place, so that neither's interval hides the other's.
ASIDE = {"head": 0.98, "finetuned": 1.02}


def main() -> None:
    study = load_params(PARAMS, Params)
    table = tabulate(sorted(study.learning_curve.sizes))
    write_csv(table, CURVE)
    figure = draw(table)
    figure.savefig(FIGURE)
    environment.note("studies: learning_curve", ENVIRONMENT)


def tabulate(sizes: list[int]) -> pd.DataFrame:
    """Put what was measured into one row a size: `pictures_per_class`, then of each model
    its accuracy, named as the model, and its intervals, `head_low` and so on.
    """
    rows = []
    for size in sizes:
        row: dict[str, float] = {"pictures_per_class": size}
        for model, folder in MEASURED.items():
            content = read_json(folder / f"{size}.json")
            if "accuracy" not in content:
                continue  # there are fewer training pictures
            for column in COLUMNS[model]:
                name = "_".join([model, column]).replace("_accuracy", "")
                row[name] = content[column]
        if len(row) > 1:
            rows.append(row)
        else:
            print(f"{size} pictures of each class are left out")
    if not rows:
        raise UserError(
            f"{PARAMS} asks for learning_curve.sizes = {sizes}, all of them more than there are "
            "training pictures of some class; add a smaller one"
        )
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the curves: bars for the luck of the test pictures, a band for that of the draws."""
    figure = Figure(figsize=(8.5, 5.5), dpi=110, facecolor="white", layout="constrained")
    axes = figure.subplots()
    sizes = table["pictures_per_class"]
    axes.fill_between(
        sizes,
        table["head_lowest"],
        table["head_highest"],
        color=STYLES["head"]["color"],
        alpha=0.2,
        linewidth=0,
        label="head alone, lowest to highest draw",
    )
    for model, style in STYLES.items():
        mean = table[model]
        bars = [mean - table[f"{model}_low"], table[f"{model}_high"] - mean]
        axes.errorbar(sizes * ASIDE[model], mean, yerr=bars, capsize=4, linewidth=1.6, **style)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.06)
    axes.set_title("How many pictures do I need?", fontsize=13)
    axes.set_xlabel("Training pictures of each class (logarithmic)")
    axes.set_ylabel("Accuracy on the test pictures")
    axes.grid(alpha=0.3)
    figure.legend(
        loc="outside lower center",
        ncols=3,
        title="Bars: 95 % intervals by the number of test pictures",
    )
    return figure


if __name__ == "__main__":
    run(main)
