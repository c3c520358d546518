"""The model card: what a model is for, what it was trained on, how well it does, where it fails.

In the sections of Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), with the front
matter that model hubs read.
"""

import json

import pandas as pd
from tabulate import tabulate

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
# Rows of the tables of what it gets wrong.
_SHOWN = 10

_TEMPLATE = """\
---
library_name: keras
pipeline_tag: image-classification
tags: [image-classification, litert]
model-index:
  - name: {name}
    results:
      - task: {{type: image-classification}}
        dataset: {{name: {dataset}, type: {source}}}
        metrics:
          - {{type: accuracy, value: {accuracy}}}
---

# Model card: {title}

## Model details

- Tells pictures of {number} classes apart: {classes}.
- Network: {backbone}, {weights}; {finetuned}. One picture of
  {size}×{size} pixels in, probabilities out.
- Trained at commit `{commit}`{changes}, with the parameters in `params.yaml`.
- Forms: `model.keras` ({keras}) and `model.tflite` (LiteRT {litert}), whose outputs agree within
  {agreement:g} on all test pictures.
- Licence: none is stated here. Those of the weights it began with and of the training pictures
  bear on it.

## Intended use

{use} A picture of anything else gets one of the {number} classes all the same, and may get it with
a high probability. Decisions that matter to someone need a person, at least where the model is
unsure.

    pip install ai-edge-litert pillow pillow-heif
    python predict.py PICTURE...

`pillow-heif` is for HEIC, which iPhones write; who has none does without.

## How pictures are prepared

{preprocessing}

`predict.py` reads JPEG, PNG, BMP, GIF, WebP, AVIF, TIFF and HEIC, the first frame of each. What it
can't read it names on stderr, and goes on.

## Training data

{counts} Their source: {pictures}. DVC's fingerprint of them, all three sets together: `{md5}`.

## Evaluation data

The {test:,} test pictures are of the same source as the training pictures. They chose nothing: the
best epoch, the temperature and the threshold were chosen on the validation pictures. In other
surroundings, with another camera, expect less.

## Metrics

On the test pictures. Intervals are those of 95 %, Wilson's of shares and the bootstrap's of the
others, for pictures such as these; they don't cover what another training would change.

{metrics}

{of_classes}

Probabilities are calibrated by a temperature of {temperature:.3f} (Guo et al., 2017). A prediction
below {unsure_below:.3f} is called unsure: of the others, on the validation pictures, at most a
share of {most_wrong:g} was wrong. The table tells how that held on the test pictures.

## Where it fails

{confusions}

{mistakes}

## Limits

- Only the classes above exist to it, one a picture.
- The figures are of one training and one set of test pictures.
- It was not examined for pictures that someone made to deceive it, nor for groups of pictures (by
  place, by camera, by breed and the like) beyond its classes.
"""


def render(manifest: dict, params: Params, predictions: pd.DataFrame) -> str:
    """Return the card, in Markdown.

    Parameters
    ----------
    manifest : see `serving.bundle.describe`.
    predictions : of the test pictures: file, label, predicted, probability, unsure.
    """
    figures = manifest["metrics"]
    classes = manifest["classes"]
    source = manifest["data"]["source"]
    pictures, use = _SOURCES[source]
    return _TEMPLATE.format(
        name=json.dumps(manifest["backbone"]),
        dataset=json.dumps(f"test pictures, {source}"),
        source=source,
        accuracy=figures["accuracy"],
        title=", ".join(map(_escaped, classes)),
        number=len(classes),
        classes=", ".join(map(_escaped, classes)),
        backbone=manifest["backbone"],
        weights=_WEIGHTS.get(params.backbone.weights, "which began with a file of weights"),
        finetuned=manifest["fine_tuning"],
        size=manifest["image_size"],
        commit=manifest["commit"],
        changes=" and changes that were not committed" if manifest["uncommitted_changes"] else "",
        keras=f"Keras {manifest['libraries']['keras']}",
        litert=manifest["libraries"]["ai-edge-litert"],
        agreement=manifest["forms_agree_within"],
        use=use,
        preprocessing="\n".join(f"- {text}" for text in manifest["preprocessing"].values()),
        counts=_counts(manifest["data"]["pictures"]),
        pictures=pictures,
        md5=manifest["data"]["md5"],
        test=figures["pictures"],
        metrics=_metrics(figures),
        of_classes=_of_classes(figures["classes"]),
        confusions=_confusions(predictions),
        mistakes=_mistakes(predictions),
        **manifest["thresholds"],
    )


def _counts(counts: dict[str, dict[str, int]]) -> str:
    """Return how many pictures there are of each split, and to train on of each class."""
    splits = [
        f"{sum(counts[split].values()):,} to {purpose}"
        for split, purpose in (("train", "train on"), ("validation", "validate"), ("test", "test"))
    ]
    of_each = ", ".join(f"{_escaped(label)} {n:,}" for label, n in counts["train"].items())
    return f"{', '.join(splits)}. Of the training pictures: {of_each}."


def _metrics(figures: dict) -> str:
    rows = [
        ["accuracy", _ranged(figures, "accuracy")],
        *_beside_accuracy(figures),
        ["share of predictions called unsure", _ranged(figures, "unsure")],
        ["accuracy of the others", _ranged(figures, "sure_accuracy")],
        ["area under the ROC curve", _ranged(figures, "roc_auc")],
        ["cross-entropy (nats)", _ranged(figures, "loss")],
        ["the same before calibration", _ranged(figures, "loss_before")],
        ["Brier score", _ranged(figures, "brier")],
        ["the same before calibration", _ranged(figures, "brier_before")],
        ["expected calibration error", _ranged(figures, "calibration_error")],
        ["the same before calibration", _ranged(figures, "calibration_error_before")],
    ]
    return _table(rows, ["figure", "on the test pictures"])


def _beside_accuracy(figures: dict) -> list[list[str]]:
    """Return what an accuracy is to be held against where classes are unequal."""
    if "baseline" not in figures:
        return []
    commonest = _escaped(figures["baseline"]["class"])
    return [
        [f"accuracy of always saying {commonest}", _ranged(figures["baseline"], "accuracy")],
        ["balanced accuracy: all classes count the same", _ranged(figures, "balanced_accuracy")],
    ]


def _of_classes(classes: dict[str, dict[str, float]]) -> str:
    rows = [
        [_escaped(label), _ranged(figures, "recall"), _ranged(figures, "precision")]
        for label, figures in classes.items()
    ]
    return _table(rows, ["class", "found, of its pictures", "right, of what was told it"])


def _ranged(figures: dict[str, float], name: str) -> str:
    """Return a figure with its interval; – for a share of nothing."""
    if name not in figures:
        return "–"
    low, high = figures[f"{name}_low"], figures[f"{name}_high"]
    return f"{figures[name]:.3f} ({low:.3f}–{high:.3f})"


def _confusions(predictions: pd.DataFrame) -> str:
    """List what is taken for what, the most frequent first."""
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    if wrong.empty:
        return "It got no test picture wrong, which says more of how few or easy they are."
    of_label = predictions["label"].value_counts()
    pairs = wrong.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    rows = [
        [_escaped(label), _escaped(predicted), f"{count:,} of {of_label[label]:,}"]
        for (label, predicted), count in pairs.head(_SHOWN).items()
    ]
    return _table(rows, ["class", "taken for", "test pictures"])


def _mistakes(predictions: pd.DataFrame) -> str:
    """List the most confident mistakes."""
    wrong = predictions[(predictions["label"] != predictions["predicted"]) & ~predictions["unsure"]]
    if wrong.empty:
        return "All of its mistakes are among the predictions that are called unsure."
    worst = wrong.sort_values("probability", ascending=False, kind="stable").head(_SHOWN)
    rows = [
        [_escaped(each.file), _escaped(each.predicted), f"{each.probability:.3f}"]
        for each in worst.itertuples()
    ]
    return (
        f"{len(wrong):,} mistakes are not called unsure. Those of which it is surest:\n\n"
        + _table(rows, ["test picture", "taken for", "probability"])
    )


def _table(rows: list[list[str]], header: list[str]) -> str:
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True)


def _escaped(name: str) -> str:
    """Escape a name so that Markdown shows it as it is, also within a table."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in name)
