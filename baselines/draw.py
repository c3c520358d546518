"""Draws the learning curves: of each network, plain and augmented side by side."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from vision import figures  # noqa: F401  sets matplotlib's own defaults, whatever the user's are
from vision.runtime.program import run

HISTORIES = Path("plots/baselines")
CURVES = Path("plots/baselines.png")

NETWORKS = {
    "blog-2016": "Keras blog, 2016",
    "book-1st-edition": "Deep Learning with Python, 1st edition",
    "book-2nd-edition": "Deep Learning with Python, 2nd edition",
}
FORMS = {"plain": "plain", "augmented": "with augmentation and dropout"}

# Okabe and Ito's blue and orange, which colour-blind readers can tell apart.
TRAIN = {"color": "#0072B2", "linestyle": "--", "label": "training pictures"}
VALIDATION = {"color": "#D55E00", "linestyle": "-", "label": "validation pictures"}


def main() -> None:
    CURVES.parent.mkdir(parents=True, exist_ok=True)
    draw().savefig(CURVES)


def draw() -> Figure:
    """Draw accuracy by epoch, a row for each network and a column for each form.

    The epoch whose weights are kept, that of the least validation loss, is marked.
    """
    figure = Figure(figsize=(9.5, 9.5), dpi=110, facecolor="white", layout="constrained")
    figure.suptitle("Networks trained from scratch: accuracy on training and validation pictures")
    grid = figure.subplots(len(NETWORKS), len(FORMS), sharey=True, squeeze=False)
    for row, (network, title) in zip(grid, NETWORKS.items(), strict=True):
        for axes, (form, form_title) in zip(row, FORMS.items(), strict=True):
            history = pd.read_csv(HISTORIES / f"{network}-{form}.csv")
            best = history.loc[history["validation_loss"].idxmin()]
            axes.plot(history["epoch"], history["train_accuracy"], **TRAIN)
            axes.plot(history["epoch"], history["validation_accuracy"], **VALIDATION)
            axes.plot(
                best["epoch"],
                best["validation_accuracy"],
                "o",
                color=VALIDATION["color"],
                label="least validation loss: kept",
            )
            axes.set_title(f"{title}\n{form_title}", fontsize=10)
            axes.set_xlabel("Epoch")
            axes.set_ylabel("Accuracy")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.tick_params(labelleft=True)
            axes.grid(alpha=0.3)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


if __name__ == "__main__":
    run(main)
