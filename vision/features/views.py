"""What a network makes of augmented views of pictures, stored, one file for each view."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vision.augmentation import augment
from vision.features import extraction
from vision.models.engine import Engine
from vision.params import Augmentation


def write_views(
    network: Engine,
    folder: Path,
    files: Sequence[str],
    count: int,
    augmentation: Augmentation,
    seed: int,
    to: Path,
    store_gb: float,
    dtype: type[np.floating] = np.float32,
) -> None:
    """Run a network over `count` views of each of some pictures.

    Parameters
    ----------
    folder, files : where the pictures lie, and their files in there, by which views are told apart.
    to : the folder for 0.npy, 1.npy and so on, each with a row for each picture.
    store_gb : see `extraction.write`.
    """
    paths = [folder / file for file in files]
    for view in range(count):

        def name(file: Path, view: int = view) -> str:
            return repr((file.relative_to(folder).as_posix(), view, augmentation, seed))

        def change(batch: np.ndarray, files: Sequence[Path], view: int = view) -> np.ndarray:
            names = [file.relative_to(folder).as_posix() for file in files]
            return augment(batch, names, view, augmentation, seed)

        named = extraction.NamedChange(change, name, (__name__, augment.__module__))
        extraction.write(network, paths, to / f"{view}.npy", store_gb, named, dtype)
