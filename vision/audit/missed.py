"""Pictures that look as if they belonged to some of another split, and what that does to the test.

They are near-copies, or one camera took them within seconds.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from vision.audit import labels
from vision.audit.copies import Pairs
from vision.selection.groups import Moment

# As long as somebody holds the camera at the same things.
SECONDS = 5


def nearest(
    moments: Sequence[Moment | None], pictures: Iterable[int], others: Iterable[int]
) -> dict[int, tuple[float, int]]:
    """Find the others that the cameras of pictures took nearest in time, within SECONDS.

    Returns
    -------
    Of each picture that has such another: the seconds between the two, and the other's number.
    """
    of_camera: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for other in others:
        if (moment := moments[other]) and moment.camera:
            of_camera[moment.camera].append((moment.seconds, int(other)))
    in_time = {camera: sorted(taken) for camera, taken in of_camera.items()}
    found = {}
    for picture in pictures:
        if not (moment := moments[picture]):
            continue
        taken = in_time.get(moment.camera, [])
        place = bisect_left(taken, (moment.seconds,))
        beside = [
            (abs(seconds - moment.seconds), other)
            for seconds, other in taken[max(0, place - 1) : place + 1]
        ]
        if beside and min(beside)[0] <= SECONDS:
            found[int(picture)] = min(beside)
    return found


def in_test_and_train(
    splits: np.ndarray, pairs: Pairs, moments: Sequence[Moment | None]
) -> dict[str, np.ndarray]:
    """Find the test pictures that belong to some that are trained on, and those.

    Parameters
    ----------
    splits : of the pictures, shape (pictures,).
    pairs : of copies; pictures beyond those of `splits` don't count.
    moments : when each picture was taken, where its file says it.

    Returns
    -------
    The numbers of the pictures, in increasing order, by split.
    """
    inside = pairs.later < len(splits)
    ones, others = pairs.earlier[inside], pairs.later[inside]
    numbers = {split: np.flatnonzero(splits == split) for split in ("test", "train")}
    found = {}
    for split, other in (("test", "train"), ("train", "test")):
        of_pairs = [
            one[(splits[one] == split) & (splits[two] == other)]
            for one, two in ((ones, others), (others, ones))
        ]
        of_moments = [*nearest(moments, numbers[split], numbers[other])]
        found[split] = np.unique(np.concatenate([*of_pairs, np.array(of_moments, dtype=int)]))
    return found


def flattery(
    features: np.ndarray,
    classes: np.ndarray,
    splits: np.ndarray,
    pairs: Pairs,
    moments: Sequence[Moment | None],
) -> dict[str, int | float]:
    """Measure how the test flatters a logistic regression, by pictures related to training ones.

    Parameters
    ----------
    features : shape (pictures, features).
    classes : class numbers, shape (pictures,).
    splits, pairs, moments : as `in_test_and_train` takes them.

    Returns
    -------
    related_in_test, how many there are; accuracy on the `related` test pictures and on the
    `unrelated`; and on all, `kept_together`, where the training pictures that are related to
    them are left out. What there are no pictures for is left out, and all if none is related.
    """
    related = in_test_and_train(splits, pairs, moments)
    if not len(related["test"]):
        return {}
    train, test = (np.flatnonzero(splits == split) for split in ("train", "test"))
    is_related = np.isin(test, related["test"])

    def right(trained: np.ndarray) -> np.ndarray:
        if len(np.unique(classes[trained])) < 2:
            return np.full(len(test), np.nan)
        predicted = labels.predict(features, classes, trained, test).argmax(axis=1)
        return (predicted == classes[test]).astype(float)

    correct = right(train)
    measured = {
        "related": correct[is_related],
        "unrelated": correct[~is_related],
        "kept_together": right(np.setdiff1d(train, related["train"])),
    }
    return {"related_in_test": len(related["test"])} | {
        name: float(values.mean())
        for name, values in measured.items()
        if len(values) and not np.isnan(values).any()
    }
