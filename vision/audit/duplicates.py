"""Find near-duplicates: equal files, and pictures with nearly the same features."""

from collections.abc import Iterator, Sequence

import numpy as np

from vision.selection.groups import linked

_BLOCK = 1024  # rows compared with all others at a time, so that memory doesn't grow as the square


def group(digests: Sequence[str], features: np.ndarray, similarity: float) -> np.ndarray:
    """Put near-duplicates into one group, also where only a third picture links two.

    Parameters
    ----------
    digests : of the pictures' files; equal ones are duplicates.
    features : shape (pictures, features).
    similarity : as `alike` takes it.

    Returns
    -------
    The number of each picture's group, from 0, shape (pictures,).
    """
    blocks = [equal(digests)]
    blocks += [(ones, others) for ones, others, _ in alike(features, similarity)]
    return linked(len(digests), *map(np.concatenate, zip(*blocks, strict=True)))


def alike(
    features: np.ndarray, similarity: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Find the pairs of pictures whose features point nearly the same way.

    Parameters
    ----------
    features : shape (pictures, features).
    similarity : the least cosine of two pictures' features, after the mean of all is taken off:
        features that are nowhere negative all point much the same way.

    Yields
    ------
    For one block of pictures after another, the numbers of the first and of the second picture of
    each pair, and the cosine; each of shape (pairs,). The first is before the second.
    """
    centred = features - features.mean(axis=0, dtype=np.float64).astype(features.dtype)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.maximum(lengths, np.finfo(features.dtype).tiny)
    for start in range(0, len(centred), _BLOCK):
        products = centred[start : start + _BLOCK] @ centred[start:].T
        one, other = np.nonzero(np.triu(products >= similarity, 1))
        yield one + start, other + start, products[one, other]


def equal(digests: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Find the pictures whose file is that of one before, each with the first such."""
    _, first, same = np.unique(digests, return_index=True, return_inverse=True)
    later = np.flatnonzero(first[same] != np.arange(len(digests)))
    return first[same][later], later
