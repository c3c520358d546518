"""The groups of pictures that the stage `subset` keeps whole, and so do the studies."""

from pathlib import Path

import numpy as np
import pandas as pd

PICKED = Path("data/picked.csv")


def read(split: str, index: pd.DataFrame) -> np.ndarray:
    """Read the name of each picture's group; empty where it is in none.

    Parameters
    ----------
    index : of the pictures of the split, a row each: label, and file, which ends in /NAME.
    """
    picked = pd.read_csv(PICKED, dtype=str, keep_default_na=False)
    of_split = picked[picked["split"] == split].set_index(["label", "name"])["group"]
    names = index["file"].str.rpartition("/")[2]
    return of_split.loc[list(zip(index["label"], names, strict=True))].to_numpy(dtype=str)
