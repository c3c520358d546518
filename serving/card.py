"""The model card: what a model is for, what it was trained on, how well it does, where it fails.

In the sections of Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), with the front
matter that model hubs read; serving/card.md.jinja has its text.
"""

import json
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vision.params import Params

# Each source of pictures: what they are, and what follows for the use.
_SOURCES = {
    "sample": (
        "drawings of cats and dogs that the pipeline draws itself, to be tried without a network",
        "It has seen no photograph. It shows that the pipeline works, and is of no other use.",
    ),
    "microsoft": (
        "photographs of the Dogs vs. Cats data set (Elson et al., Asirra, 2007), from Microsoft",
        "It is for photographs of one cat or one dog, as people take them of their pets.",
    ),
    "external": (
        "pictures supplied by whoever ran the pipeline, who knows their origin and licence",
        "It is for pictures that were taken as those were.",
    ),
}
_WEIGHTS = {
    "imagenet": "which began with weights trained on ImageNet",
    "random": "which began with random weights",
}
_FIGURES = {
    "accuracy": "accuracy",
    "unsure": "share of predictions called unsure",
    "sure_accuracy": "accuracy of the others",
    "roc_auc": "area under the ROC curve",
    "loss": "cross-entropy (nats)",
    "loss_before": "the same before calibration",
    "brier": "Brier score",
    "brier_before": "the same before calibration",
    "calibration_error": "expected calibration error",
    "calibration_error_before": "the same before calibration",
}
# Rows of the tables of what it gets wrong.
_SHOWN = 10


def render(manifest: dict, params: Params, predictions: pd.DataFrame) -> str:
    """Return the card, in Markdown.

    Parameters
    ----------
    manifest : see `serving.bundle.describe`.
    predictions : of the test pictures: file, label, predicted, probability, unsure.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "json": json.dumps, "plain": plain, "ranged": ranged, "count": "{:,}".format
    }  # fmt: skip
    kind, use = _SOURCES[manifest["data"]["source"]]
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    of_label = predictions["label"].value_counts()
    pairs = wrong.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    surest = wrong[~wrong["unsure"]].sort_values("probability", ascending=False, kind="stable")
    return environment.get_template("card.md.jinja").render(
        manifest,
        kind=kind,
        use=use,
        weights=_WEIGHTS.get(params.backbone.weights, "which began with a file of weights"),
        figures=_FIGURES,
        confusions=[(*pair, n, of_label[pair[0]]) for pair, n in pairs.head(_SHOWN).items()],
        mistakes=surest.to_dict("records"),
        shown=_SHOWN,
    )


def ranged(figures: dict[str, float], name: str) -> str:
    """Return a figure with its interval; – for a share of nothing."""
    if name not in figures:
        return "–"
    low, high = figures[f"{name}_low"], figures[f"{name}_high"]
    return f"{figures[name]:.3f} ({low:.3f}–{high:.3f})"


def plain(name: str) -> str:
    """Escape a name so that Markdown shows it as it is, also within a table."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in name)
