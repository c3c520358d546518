"""The groups of pictures that the stage `subset` keeps whole, and so do the studies."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

PICKED = Path("data/picked.csv")


def read(split: str, files: Sequence[str]) -> np.ndarray:
    """Read the name of each picture's group; empty where it is in none.

    Parameters
    ----------
    files : CLASS/NAME, as in the subset's folder of the split.
    """
    picked = pd.read_csv(PICKED, dtype=str, keep_default_na=False)
    picked = picked[picked["split"] == split]
    names = picked["group"].set_axis(picked["label"] + "/" + picked["name"])
    return names.loc[list(files)].to_numpy(dtype=str)
