"""Reads the features that the stages stored."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Stored:
    """Features of all pictures.

    Attributes
    ----------
    features : the folder with a file of rows, .npy, and an index, .csv, of each split.
    views : the folder of those of views of the training pictures, in the same order; None: none.
    columns : the numbers of the features to take; None: all.
    """

    features: Path
    views: Path | None = None
    columns: np.ndarray | None = None

    def labels(self, split: str) -> np.ndarray:
        """Give the class of each picture of a split, by name."""
        return self._index(split)["label"].to_numpy(dtype=str)

    def weights(self, split: str) -> np.ndarray:
        """Give what each picture of a split counts beside others of its class; 1, if none says."""
        index = self._index(split)
        return index.get("weight", pd.Series(1.0, index.index)).to_numpy(dtype=float)

    def _index(self, split: str) -> pd.DataFrame:
        path = self.features / f"{split}.csv"
        return pd.read_csv(path, dtype={"file": str, "label": str}, keep_default_na=False)

    def rows(self, split: str) -> list[np.ndarray]:
        """Give the features of a split's pictures, and of each view of training pictures.

        Each is of shape (pictures, features), and memory-mapped where all are taken.
        """
        files = [self.features / f"{split}.npy"]
        if split == "train" and self.views:
            files += sorted(self.views.glob("*.npy"), key=lambda view: int(view.stem))
        rows = [np.load(file, mmap_mode="r") for file in files]
        return rows if self.columns is None else [each[:, self.columns] for each in rows]
