"""What changed since another run: metrics, parameters, and the pictures that flipped."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from serving.run import LOCK, parse, read_revision
from tools import compare
from tools.experiment import written
from tools.report import charts, images
from vision.runtime.errors import UserError

TEST = Path("data/subset/test")
METRICS = Path("metrics/evaluate.json")

NOW = "this run"
NAMES = {"head": "head alone", "finetuned": "fine-tuned"}
_MODEL = "finetuned"
# Of the pictures that flipped, either way.
_SHOWN = 12


def since(revision: str, parameters: dict[str, object], metrics: dict) -> dict[str, object]:
    """Compare the run in this folder with that of a revision.

    Parameters
    ----------
    parameters, metrics : this run's.

    Returns
    -------
    revision; parameters, of those that differ the name, the value there and the value here;
    metrics, the same and the difference; apart, why the pictures can't be compared one by one, or
    None where they can, and then what `_paired` returns.

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
    told = {
        "revision": revision,
        "parameters": [
            (name, written(before.get(name)), written(parameters.get(name)))
            for name in names
            if before.get(name) != parameters.get(name)
        ],
        "metrics": [
            (f"{NAMES[model]}: {name}", other[model][name], value, value - other[model][name])
            for model in compare.MODELS
            for name, value in metrics[model].items()
            if other[model].get(name, value) != value and not name.startswith("accuracy_")
        ],
    }
    a, b = compare.read_predictions(revision), compare.read_predictions(compare.WORKSPACE)
    try:
        compare.refuse_other_pictures(revision, a, NOW, b)
    except UserError as error:
        return told | {"apart": str(error), "verdicts": None}
    return told | {"apart": None} | _paired(revision, a, b.loc[a.index])


def _paired(revision: str, a: pd.DataFrame, b: pd.DataFrame) -> dict[str, object]:
    """Compare two runs on the same test pictures.

    Returns
    -------
    verdicts, of each model, whether the difference is more than luck; chart, of the changes in
    accuracy; and better and worse, the first pictures that are only now right, or wrong, with
    count_better and count_worse, how many there are.
    """
    verdicts, rows = {}, []
    for model in compare.MODELS:
        paired = compare.pair(compare.is_right(a, model), compare.is_right(b, model))
        verdicts[model] = paired.verdict(revision, NOW)
        low, high = paired.interval()
        rows.append((NAMES[model], 100 * paired.change, 100 * low, 100 * high))
    right_a, right_b = compare.is_right(a, _MODEL), compare.is_right(b, _MODEL)
    better, worse = ~right_a & right_b, right_a & ~right_b
    return {
        "verdicts": verdicts,
        "chart": charts.changes(rows),
        "better": list(_flips(a[better], b[better])),
        "worse": list(_flips(a[worse], b[worse])),
        "count_better": int(better.sum()),
        "count_worse": int(worse.sum()),
    }


def _flips(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[dict]:
    """Yield pictures with what each run says of them."""
    for file, label in a["label"].iloc[:_SHOWN].items():
        picture = images.read(TEST / file, f"{file}, a test picture of {label}")
        said = {"before": _said(a.loc[file]), "now": _said(b.loc[file])}
        yield said | {"picture": picture, "file": file}


def _said(row: pd.Series) -> str:
    probabilities = row.filter(regex=f"^{_MODEL}_").astype(float)
    return f"{probabilities.idxmax().removeprefix(f'{_MODEL}_')} {probabilities.max():.2f}"
