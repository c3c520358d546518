"""What a network makes of augmented views of pictures, stored, one file for each view."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vision import pictures
from vision.augmentation import augment
from vision.features import extraction
from vision.models.engine import Engine
from vision.params import Augmentation


def write_views(
    network: Engine,
    folder: Path,
    count: int,
    augmentation: Augmentation,
    seed: int,
    to: Path,
    store_gb: float,
    dtype: type[np.floating] = np.float32,
) -> None:
    """Run a network over `count` views of each picture of a folder.

    Parameters
    ----------
    to : the folder for 0.npy, 1.npy and so on, each with a row for each picture, in the order of
        `pictures.index`.
    store_gb : see `extraction.write`.
    """
    paths = [folder / file for file in pictures.index(folder)["file"]]
    for view in range(count):

        def name(file: Path, view: int = view) -> str:
            return repr((file.relative_to(folder).as_posix(), view, augmentation, seed))

        def change(batch: np.ndarray, files: Sequence[Path], view: int = view) -> np.ndarray:
            names = [file.relative_to(folder).as_posix() for file in files]
            return augment(batch, names, view, augmentation, seed)

        named = extraction.NamedChange(change, name, (__name__, augment.__module__))
        extraction.write(network, paths, to / f"{view}.npy", store_gb, named, dtype)
