"""Two classifiers on the same pictures: how far apart they are, and whether that means anything.

Both saw the same pictures, so those tell that one gets right and the other wrong; the rest cancels
out.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import binomtest, norm

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
    """Count from what each gets right: booleans, shape (pictures,), in the same order.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if right_a.shape != right_b.shape:
        raise ValueError(f"shapes {right_a.shape} and {right_b.shape} differ")
    return Paired(
        both=int((right_a & right_b).sum()),
        only_a=int((right_a & ~right_b).sum()),
        only_b=int((~right_a & right_b).sum()),
        neither=int((~right_a & ~right_b).sum()),
    )
