"""Random draws of training pictures, so many of each class."""

import zlib

import numpy as np


def available(labels: np.ndarray) -> int:
    """Return how many pictures the class with the fewest has."""
    return int(np.unique(labels, return_counts=True)[1].min())


def left_out(size: int, labels: np.ndarray) -> str | None:
    """Return why there is no draw of a size, or None where there is one."""
    most = available(labels)
    if size <= most:
        return None
    return f"{size} pictures of each class are left out: a class has {most} training pictures"


def draw(labels: np.ndarray, size: int, number: int, seed: int) -> np.ndarray:
    """Draw pictures of each class.

    A draw's smaller sizes lie within its larger ones, and neither the other classes nor the other
    draws change it.

    Parameters
    ----------
    labels : the names of the pictures' classes, shape (pictures,).
    size : how many of each class; it has as many.
    number : of the draw, from 0.

    Returns
    -------
    The indices of the pictures drawn, in increasing order.
    """
    chosen = []
    for label in np.unique(labels):
        rng = np.random.default_rng([seed, number, zlib.crc32(str(label).encode())])
        chosen.append(rng.permutation(np.flatnonzero(labels == label))[:size])
    return np.sort(np.concatenate(chosen))
