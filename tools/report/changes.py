"""What changed since another run: metrics, parameters, and the pictures that flipped."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from serving.revision import read_revision
from serving.run import LOCK, parse
from tools import compare
from tools.paired import pair
from tools.report import charts, images
from vision.runtime.errors import UserError

TEST = Path("data/subset/test")
METRICS = Path("metrics/evaluate.json")

NOW = "this run"
NAMES = {"head": "head alone", "finetuned": "fine-tuned"}
_MODEL = "finetuned"
# Of the pictures that flipped, either way.
_SHOWN = 12


@dataclass(frozen=True)
class Flip:
    """A picture that one run gets right and the other wrong.

    Attributes
    ----------
    before, now : what each run says of it, with its probability.
    """

    picture: images.Shown | None
    file: str
    label: str
    before: str
    now: str


@dataclass(frozen=True)
class Changes:
    """What is different from another run.

    Attributes
    ----------
    revision : that of the other run.
    parameters : name, its value there, and its value here, of those that differ.
    metrics : name, its value there, its value here, and the difference, of those that differ.
    apart : why the pictures can't be compared one by one; None where they can.
    verdicts : of each model, whether the difference is more than luck.
    chart : the changes in accuracy.
    better, worse : the first pictures that are only now right, and now wrong.
    count_better, count_worse : how many there are.
    """

    revision: str
    parameters: list[tuple[str, str, str]]
    metrics: list[tuple[str, float, float, float]]
    apart: str | None = None
    verdicts: dict[str, str] | None = None
    chart: Markup | None = None
    better: list[Flip] | None = None
    worse: list[Flip] | None = None
    count_better: int = 0
    count_worse: int = 0


def since(revision: str, parameters: dict[str, object], metrics: dict) -> Changes:
    """Compare the run in this folder with that of a revision.

    Parameters
    ----------
    parameters, metrics : this run's.

    Raises
    ------
    UserError
        There is no such revision, or it has no run.
    """
    before = parse(read_revision(revision, LOCK).decode()).parameters
    try:
        other = json.loads(read_revision(revision, METRICS))
    except ValueError as error:
        raise UserError(f"{METRICS} of {revision} is no JSON ({error})") from None
    names = sorted(set(before) | set(parameters), key=[*before, *parameters].index)
    changes = Changes(
        revision,
        [
            (name, said(before.get(name)), said(parameters.get(name)))
            for name in names
            if before.get(name) != parameters.get(name)
        ],
        [
            (f"{NAMES[model]}: {name}", other[model][name], value, value - other[model][name])
            for model in compare.MODELS
            for name, value in metrics[model].items()
            if other[model].get(name, value) != value and not name.startswith("accuracy_")
        ],
    )
    a, b = compare.read_predictions(revision), compare.read_predictions(compare.WORKSPACE)
    try:
        compare.refuse_other_pictures(revision, a, NOW, b)
    except UserError as error:
        return replace(changes, apart=str(error))
    return _paired(changes, a, b.loc[a.index])


def _paired(changes: Changes, a: pd.DataFrame, b: pd.DataFrame) -> Changes:
    """Add what the same test pictures tell of both runs."""
    verdicts, rows = {}, []
    for model in compare.MODELS:
        paired = pair(compare.is_right(a, model), compare.is_right(b, model))
        verdicts[model] = paired.verdict(changes.revision, NOW)
        low, high = paired.interval()
        rows.append((NAMES[model], 100 * paired.change, 100 * low, 100 * high))
    right_a, right_b = compare.is_right(a, _MODEL), compare.is_right(b, _MODEL)
    better, worse = ~right_a & right_b, right_a & ~right_b
    return replace(
        changes,
        verdicts=verdicts,
        chart=charts.changes(rows),
        better=list(_flips(a[better], b[better])),
        worse=list(_flips(a[worse], b[worse])),
        count_better=int(better.sum()),
        count_worse=int(worse.sum()),
    )


def _flips(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[Flip]:
    for file, label in a["label"].iloc[:_SHOWN].items():
        picture = images.read(TEST / file, f"{file}, a test picture of {label}")
        yield Flip(picture, file, label, _said(a.loc[file]), _said(b.loc[file]))


def _said(row: pd.Series) -> str:
    probabilities = row.filter(regex=f"^{_MODEL}_").astype(float)
    label = probabilities.index[int(np.argmax(probabilities))].removeprefix(f"{_MODEL}_")
    return f"{label} {probabilities.max():.2f}"


def said(value: object) -> str:
    """Write a parameter as params.yaml has it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
