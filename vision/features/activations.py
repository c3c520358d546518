"""What enters the blocks that fine-tuning trains, stored while it does.

The blocks below are frozen, so that each picture, and each augmented view of one, needs to be run
through them only once; an epoch then pays for the blocks above alone.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vision.features import extraction, views
from vision.models.engine import Engine
from vision.params import Augmentation
from vision.runtime.errors import UserError

_DTYPE = np.float16
_GB = 1e9


@contextmanager
def stored(
    frozen: Engine,
    train: tuple[Path, Sequence[str]],
    validation: Sequence[Path],
    count: int,
    augmentation: Augmentation,
    seed: int,
    to: Path,
    store_gb: float,
) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
    """Run the frozen blocks over views of the training pictures, and over validation pictures.

    Parameters
    ----------
    frozen : the network below the blocks that are trained.
    train : the folder of the training pictures, and their files in it.
    validation : the paths of the validation pictures.
    count : the views of each training picture, 1 or more.
    to : the folder that holds them until the block ends; what a killed run left there goes first.
    store_gb : see `extraction.write`.

    Yields
    ------
    The activations of each view of the training pictures, and those of the validation pictures as
    they are: memory-mapped float16, shape (pictures, numbers).

    Raises
    ------
    UserError
        The disk has less room than they take; nothing was run.
    """
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    try:
        bytes_a_picture = frozen.numbers * np.dtype(_DTYPE).itemsize
        check_disk(to, bytes_a_picture, len(train[1]), count, len(validation))
        folder, files = train
        views.write_views(
            frozen, folder, files, count, augmentation, seed, to / "train", store_gb, _DTYPE
        )
        of_validation = to / "activations/validation.npy"
        extraction.write(frozen, validation, of_validation, store_gb, dtype=_DTYPE)
        yield (
            [np.load(to / f"train/{view}.npy", mmap_mode="r") for view in range(count)],
            np.load(of_validation, mmap_mode="r"),
        )
    finally:
        shutil.rmtree(to)


def check_disk(to: Path, bytes_a_picture: int, train: int, count: int, validation: int) -> None:
    """Say what the activations will take.

    Parameters
    ----------
    train, validation : how many pictures there are.
    count : the views of each training picture.

    Raises
    ------
    UserError
        The disk has less room.
    """
    view = train * bytes_a_picture / _GB
    others = validation * bytes_a_picture / _GB
    needed = count * view + others
    free = shutil.disk_usage(to).free / _GB
    if needed > free:
        fit = max(0, int((free - others) / view))
        raise UserError(
            f"the activations would take {needed:.3g} GB of disk while fine-tuning runs, and "
            f"{free:.3g} GB are free; free some, or set finetune.views = {count} to {fit}, or "
            "finetune.unfreeze_from to higher blocks"
        )
    print(f"activations: {needed:.3g} GB for {count} views of the training pictures", flush=True)
