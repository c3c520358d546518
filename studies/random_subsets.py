"""Random draws of training pictures, so many of each class."""

import zlib
from pathlib import Path

import numpy as np

from vision.runtime.files import write_json


def is_left_out(size: int, labels: np.ndarray, to: Path) -> bool:
    """Check whether a class has fewer pictures than a size; if so, say it and write how many."""
    most = int(np.unique(labels, return_counts=True)[1].min())
    if size <= most:
        return False
    print(f"{size} pictures of each class are left out: a class has {most} training pictures")
    write_json({"available": most}, to)
    return True


def draw(labels: np.ndarray, groups: np.ndarray, size: int, number: int, seed: int) -> np.ndarray:
    """Draw pictures of each class, group by group, so that all but the last of them are whole.

    A draw's smaller sizes lie within its larger ones, and neither the other classes nor the other
    draws change it.

    Parameters
    ----------
    labels : the names of the pictures' classes, shape (pictures,).
    groups : the names of their groups, empty where one is in none, shape (pictures,).
    size : how many of each class; it has as many.
    number : of the draw, from 0.

    Returns
    -------
    The indices of the pictures drawn, in increasing order.
    """
    chosen = []
    for label in np.unique(labels):
        rng = np.random.default_rng([seed, number, zlib.crc32(str(label).encode())])
        members: dict[object, list[int]] = {}
        for picture in np.flatnonzero(labels == label):
            members.setdefault(groups[picture] or picture, []).append(picture)
        whole = list(members.values())
        drawn = [picture for group in rng.permutation(len(whole)) for picture in whole[group]]
        chosen.append(drawn[:size])
    return np.sort(np.concatenate(chosen))
