"""Checks whether two runs differ by more than luck, picture by picture."""

import io
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from serving.revision import read_revision
from tools.paired import Paired, pair
from vision.runtime.errors import UserError
from vision.runtime.text import some

PREDICTIONS = Path("data/predictions.csv")
WORKSPACE = "workspace"
MODELS = ("head", "finetuned")
WIDTH = 100


def read_predictions(revision: str) -> pd.DataFrame:
    """Read the predictions of a run, one row a test picture, by its file.

    Raises
    ------
    UserError
        There is no such revision, or it has no predictions of the present form.
    """
    if revision != WORKSPACE:
        content = read_revision(revision, PREDICTIONS)
    elif PREDICTIONS.is_file():
        content = PREDICTIONS.read_bytes()
    else:
        raise UserError(f"{WORKSPACE} has no {PREDICTIONS} here; `dvc pull` it, or run `dvc repro`")
    table = pd.read_csv(
        io.BytesIO(content),
        dtype={"file": str, "label": str, "md5": str},
        keep_default_na=False,
    )
    if "md5" not in table:
        raise UserError(
            f"{revision} comes from a version that told no digests of its pictures; "
            "run it again with this one"
        )
    return table.set_index("file")


def report(name_a: str, a: pd.DataFrame, name_b: str, b: pd.DataFrame) -> str:
    """Return how two runs differ, from their predictions.

    Raises
    ------
    UserError
        Their test pictures differ.
    """
    refuse_other_pictures(name_a, a, name_b, b)
    b = b.loc[a.index]
    names = (name_a, name_b) if name_a != name_b else ("A", "B")
    rows, texts = [], []
    for model in MODELS:
        right_a, right_b = is_right(a, model), is_right(b, model)
        paired = pair(right_a, right_b)
        rows.append(row(model, paired))
        told = [f"{model}: {paired.verdict(*names)}"]
        for better, flipped in zip(names, (right_a & ~right_b, ~right_a & right_b), strict=True):
            if flipped.any():
                told.append(f"only {better} is right on: " + ", ".join(a.index[flipped]))
        texts += ["\n".join(_wrapped(line) for line in told)]
    header = ["", "A", "B", "change", "95 % interval", "only A right", "only B right", "p"]
    table = tabulate(rows, header, disable_numparse=True, stralign="right")
    return "\n\n".join([f"A = {name_a}, B = {name_b}", table, *texts])


def _wrapped(line: str) -> str:
    """Break a long line, but no name of a file or an experiment, such as puffy-daks."""
    return textwrap.fill(
        line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def refuse_other_pictures(name_a: str, a: pd.DataFrame, name_b: str, b: pd.DataFrame) -> None:
    """Raise a UserError that names the test pictures by which two runs differ."""
    differences = {
        f"are in {name_a} only": a.index.difference(b.index),
        f"are in {name_b} only": b.index.difference(a.index),
    }
    common = a.index.intersection(b.index)
    for column, said in (("md5", "are other pictures"), ("label", "have another label")):
        differs = (a.loc[common, column] != b.loc[common, column]).to_numpy()
        differences[f"{said} in {name_b} than in {name_a}"] = common[differs]
    found = [f"{some(list(files))} {said}" for said, files in differences.items() if len(files)]
    if found:
        raise UserError(
            "the two runs were tested on different pictures, so their figures can't be compared: "
            + "; ".join(found)
        )


def is_right(predictions: pd.DataFrame, model: str) -> np.ndarray:
    """Check for each picture whether a model's most probable class is its label."""
    probabilities = predictions.filter(regex=f"^{model}_")
    said = probabilities.columns.str.removeprefix(f"{model}_")[probabilities.to_numpy().argmax(1)]
    return (said == predictions["label"]).to_numpy()


def row(model: str, paired: Paired) -> list[str]:
    """Return a row of the table; changes in percentage points."""
    low, high = paired.interval()
    return [
        model,
        f"{paired.accuracy_a:.4f}",
        f"{paired.accuracy_b:.4f}",
        f"{100 * paired.change:+.2f}",
        f"{100 * low:+.2f} to {100 * high:+.2f}",
        str(paired.only_a),
        str(paired.only_b),
        f"{paired.p_value():.3g}",
    ]
