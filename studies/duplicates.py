"""Finds pictures that are nearly the same: equal files, and copies in another size or quality."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_BLOCK = 1024  # rows compared with all others at a time, so that memory doesn't grow as the square


def group(digests: Sequence[str], features: np.ndarray, similarity: float) -> np.ndarray:
    """Put near-duplicates into one group, also where only a third picture links two.

    Parameters
    ----------
    digests : of the pictures' files; equal ones are duplicates.
    features : shape (pictures, features).
    similarity : pictures are near-duplicates from this cosine of their features on, after the
        mean of all is taken off: features that are nowhere negative all point much the same way.

    Returns
    -------
    The number of each picture's group, from 0, shape (pictures,).
    """
    centred = features - features.mean(axis=0, dtype=np.float64).astype(features.dtype)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.maximum(lengths, np.finfo(features.dtype).tiny)
    _, first, same = np.unique(digests, return_index=True, return_inverse=True)
    ones, others = [np.arange(len(digests))], [first[same]]
    for start in range(0, len(centred), _BLOCK):
        near = centred[start : start + _BLOCK] @ centred.T >= similarity
        one, other = np.nonzero(near)
        ones.append(one + start)
        others.append(other)
    one, other = np.concatenate(ones), np.concatenate(others)
    links = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(digests),) * 2)
    return connected_components(links, directed=False)[1]
