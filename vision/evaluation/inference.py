"""Predict with several models; run their shared frozen part once."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from vision.features import extraction
from vision.features.extraction import NamedChange
from vision.models.description import class_probabilities
from vision.models.engine import Engine
from vision.networks import cut
from vision.runtime.prefetch import load_ahead

# Of the store, that the pictures asked about at once may take.
_SHARE = 0.25
_GB = 1e9
MIRRORED = NamedChange(lambda batch, _: batch[:, :, ::-1], lambda _: "mirrored", (__name__,))


class SideBySide:
    """Models that are the same below a block.

    Parameters
    ----------
    models : from RGB pictures 0-255 to probabilities; see `cut.split`.
    backbone : the name of their convolutional base.
    block : the lowest one in which they differ; None: their heads alone do.

    Raises
    ------
    ValueError
        The models differ below the block.
    """

    def __init__(self, models: list[keras.Model], backbone: str, block: str | None) -> None:
        self._count = len(models)
        self._lower, self._upper = map(Engine, cut.side_by_side(models, backbone, block))

    def probabilities(
        self, paths: Sequence[Path], mirror: bool, progress: str, store_gb: float = 0
    ) -> np.ndarray:
        """Return the probabilities of each class by each model, shape (models, pictures, classes).

        Parameters
        ----------
        mirror : whether to give the mean of those of the pictures and of their mirror images.
        progress : what the progress bar says.
        store_gb : the disk that the store of rows may take; 0: none. It keeps what enters the
            block, so that of pictures seen before, only the blocks above are run, or without a
            block the heads, for which it has the features that were extracted; but not where these
            pictures would take more than a quarter of it: they would push out one another, and all
            else.
        """
        changes = {progress: None} | ({f"{progress}, mirrored": MIRRORED} if mirror else {})
        row = self._lower.numbers * np.dtype(np.float32).itemsize
        needed = len(changes) * len(paths) * row / _GB
        if needed > _SHARE * store_gb:
            store_gb = 0
        passes = [self._run(paths, shown, named, store_gb) for shown, named in changes.items()]
        return np.mean(passes, axis=0)

    def _run(
        self,
        paths: Sequence[Path],
        progress: str,
        named: NamedChange | None,
        store_gb: float,
    ) -> np.ndarray:
        def finish(row: tuple[int, np.ndarray]) -> tuple[int, np.ndarray]:
            number, activations = row
            return number, self._upper(activations[np.newaxis])[0]

        outputs = np.empty((len(paths), self._upper.numbers), np.float32)
        activations = extraction.rows(self._lower, paths, progress, store_gb, named)
        for number, given in load_ahead(finish, activations):
            outputs[number] = given
        return np.stack(
            [class_probabilities(of_one) for of_one in np.split(outputs, self._count, axis=1)]
        )
