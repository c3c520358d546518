"""Checks whether two runs differ by more than luck, picture by picture.

Both saw the same pictures, so those tell that one gets right and the other wrong; the rest cancels
out.
"""

import textwrap
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm
from tabulate import tabulate

from serving.run import read_revision, read_table
from vision.runtime.errors import UserError
from vision.runtime.text import some

PREDICTIONS = Path("data/predictions.csv")
WORKSPACE = "workspace"
MODELS = ("head", "finetuned")
# Breaks long lines, but no name of a file or an experiment, such as puffy-daks.
_LINES = textwrap.TextWrapper(
    100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
)
CONFIDENCE = 0.95
# McNemar's test: how seldom luck alone may give as much as what is called a difference.
SIGNIFICANCE = 0.05
# Rarer than that tells nobody more; and of some thousand pictures, a p-value may be as low as 0.
RAREST = 1e-6


@dataclass(frozen=True)
class Paired:
    """How often two classifiers, A and B, are right on the same pictures.

    Attributes
    ----------
    both, only_a, only_b, neither : pictures that are told right by both of them, and so on.
    """

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def pictures(self) -> int:
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def accuracy_a(self) -> float:
        return (self.both + self.only_a) / self.pictures

    @property
    def accuracy_b(self) -> float:
        return (self.both + self.only_b) / self.pictures

    @property
    def change(self) -> float:
        """From A to B, in accuracy."""
        return (self.only_b - self.only_a) / self.pictures

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the change in accuracy.

        It is the adjusted Wald interval for paired proportions (Bonett and Price, "Adjusted
        Wald confidence interval for a difference of binomial proportions based on paired data",
        Journal of Educational and Behavioral Statistics 37, 2012), which Fagerland, Lydersen
        and Laake recommend (Statistics in Medicine 33, 2014).
        """
        count = self.pictures + 2
        only_a, only_b = (self.only_a + 1) / count, (self.only_b + 1) / count
        middle = only_b - only_a
        error = sqrt((only_a + only_b - middle**2) / count)
        reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * error
        return max(-1.0, middle - reach), min(1.0, middle + reach)

    def p_value(self) -> float:
        """Return McNemar's exact test, two-sided: how often luck alone gives as much or more.

        Luck: each picture that one of them alone gets right could as well have been the
        other's (Q. McNemar, Psychometrika 12, 1947).
        """
        flips = self.only_a + self.only_b
        return float(binomtest(self.only_a, flips).pvalue) if flips else 1.0

    def verdict(self, a: str, b: str) -> str:
        """Return one sentence on which of them, of these names, is better, if either."""
        if self.only_a == self.only_b == 0:
            return f"No difference: {a} and {b} are right on the very same pictures."
        flips = (
            f"of {self.pictures:,} test pictures {b} gets {self.only_b:,} right that {a} gets "
            f"wrong, and {a} gets {self.only_a:,} right that {b} gets wrong"
        )
        if self.p_value() < SIGNIFICANCE:
            better, worse = (a, b) if self.only_a > self.only_b else (b, a)
            return (
                f"{better} is better than {worse}: {flips}, and luck alone would make so uneven "
                f"a split in {_share(self.p_value())} comparisons."
            )
        return (
            f"The difference may well be luck: {flips}, and luck alone would make a split "
            f"as uneven in {_share(self.p_value())} comparisons."
        )


def _share(p_value: float) -> str:
    if p_value >= 0.01:
        return f"{p_value:.0%} of"
    count = f"{1 / p_value:,.0f}" if p_value >= RAREST else f"more than {1 / RAREST:,.0f}"
    return f"1 of {count}"


def pair(right_a: np.ndarray, right_b: np.ndarray) -> Paired:
    """Count from what each gets right: booleans, shape (pictures,), in the same order."""
    return Paired(
        both=int((right_a & right_b).sum()),
        only_a=int((right_a & ~right_b).sum()),
        only_b=int((~right_a & right_b).sum()),
        neither=int((~right_a & ~right_b).sum()),
    )


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
        content = PREDICTIONS
    else:
        raise UserError(f"{WORKSPACE} has no {PREDICTIONS} here; `dvc pull` it, or run `dvc repro`")
    table = read_table(content)
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
        low, high = paired.interval()
        rows.append(  # changes in percentage points
            [
                model,
                f"{paired.accuracy_a:.4f}",
                f"{paired.accuracy_b:.4f}",
                f"{100 * paired.change:+.2f}",
                f"{100 * low:+.2f} to {100 * high:+.2f}",
                str(paired.only_a),
                str(paired.only_b),
                f"{paired.p_value():.3g}",
            ]
        )
        told = [f"{model}: {paired.verdict(*names)}"]
        for better, flipped in zip(names, (right_a & ~right_b, ~right_a & right_b), strict=True):
            if flipped.any():
                told.append(f"only {better} is right on: " + ", ".join(a.index[flipped]))
        texts += ["\n".join(map(_LINES.fill, told))]
    header = ["", "A", "B", "change", "95 % interval", "only A right", "only B right", "p"]
    table = tabulate(rows, header, disable_numparse=True, stralign="right")
    return "\n\n".join([f"A = {name_a}, B = {name_b}", table, *texts])


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
    said = predictions.filter(regex=f"^{model}_").idxmax(axis=1).str.removeprefix(f"{model}_")
    return (said == predictions["label"]).to_numpy()
