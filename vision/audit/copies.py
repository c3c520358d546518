"""Find copies: equal files, and rescaled, recompressed, slightly cropped or mirrored pictures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vision.audit import duplicates
from vision.selection.groups import HASH_BITS

# Of the root mean square length of centred features. Of photographs of cats, dogs and rubbish
# each keeps 0.62 and more; frames of one scene, with noise, shifts and light that varies, a
# third.
_LEAST_LEFT = 0.5


class Pairs(NamedTuple):
    """Pictures and earlier ones of which they are copies, in the order of the later ones.

    Attributes
    ----------
    earlier, later : the numbers of the two pictures, shape (pairs,).
    equal : whether the files are equal, shape (pairs,).
    similarity : the cosine of the features, 1 for equal files, shape (pairs,).
    """

    earlier: np.ndarray
    later: np.ndarray
    equal: np.ndarray
    similarity: np.ndarray


def apart_from_classes(features: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Take off the directions in which the classes' means differ.

    By those, any two pictures of a class are alike, copies or not. Where next to nothing else is
    left, they are: of a class that is one scene only noise would remain, whose directions say
    nothing. So a row that becomes shorter than _LEAST_LEFT keeps as much of what was taken off as
    brings it to that length.

    Parameters
    ----------
    features : shape (pictures, features).
    numbers : of the pictures' classes, from 0, shape (pictures,).

    Returns
    -------
    Centred features, shape (pictures, features).
    """
    centred = features - features.mean(axis=0, dtype=np.float64).astype(features.dtype)
    means = np.stack([centred[numbers == label].mean(axis=0) for label in np.unique(numbers)])
    directions, _ = np.linalg.qr((means[1:] - means[0]).T)
    of_class = (centred @ directions) @ directions.T
    left = centred - of_class
    least = _LEAST_LEFT * np.sqrt(np.square(centred).sum(axis=1).mean())
    missing = np.sqrt(np.maximum(least**2 - np.square(left).sum(axis=1), 0))
    lengths = np.linalg.norm(of_class, axis=1)
    kept = np.divide(missing, lengths, out=np.zeros_like(missing), where=lengths > missing)
    return left + of_class * kept[:, None]


def find(
    digests: Sequence[str], hashes: np.ndarray, features: np.ndarray, similarity: float
) -> Pairs:
    """Find equal files, and pictures that their hashes and their features together take for one.

    A hash moves far when a picture is cropped, and little when it is made small or coarse;
    features the other way round. So the less the hashes agree, the more must the features.

    Parameters
    ----------
    digests : of the pictures' files.
    hashes : of each picture and of its mirror image, uint64, shape (pictures, 2).
    features : shape (pictures, features).
    similarity : the least cosine of the features, the mean taken off, where the hashes agree. It
        rises by 1/64 for each bit of 64 in which they don't.
    """
    first, later = duplicates.equal(digests)
    names = np.asarray(digests)
    found = [(first, later, np.ones(len(first), bool), np.ones(len(first)))]
    for ones, others, cosines in duplicates.alike(features, similarity):
        # Which of the two is mirrored makes no difference.
        differ = np.bitwise_count(hashes[others] ^ hashes[ones, :1]).min(axis=1)
        near = cosines >= similarity + differ / HASH_BITS
        near &= names[ones] != names[others]
        found.append((ones[near], others[near], np.zeros(near.sum(), bool), cosines[near]))
    pairs = [np.concatenate(part) for part in zip(*found, strict=True)]
    order = np.lexsort(pairs[:2])
    return Pairs(*(part[order] for part in pairs))
