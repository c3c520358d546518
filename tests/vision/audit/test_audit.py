"""Planted faults are found, and pictures without any are not."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from vision.audit import copies, findings, labels, outliers
from vision.selection.groups import perceptual_hash

RNG = np.random.default_rng(0)


def clusters(each=45, size=24):
    """Features of two classes that are easy to tell apart, and the classes."""
    centres = np.array([[3.0] * 12 + [0.0] * 12, [0.0] * 12 + [3.0] * 12])
    numbers = np.repeat([0, 1], each)
    noise = np.random.default_rng(1).normal(size=(2 * each, size)) / 2
    return (centres[numbers] + noise).astype(np.float32), numbers


def judged(features, numbers, groups=None, folds=5):
    groups = np.arange(len(numbers)) if groups is None else groups
    probabilities, judged = labels.out_of_fold(features, numbers, groups, folds, seed=0)
    assert judged.all()
    return probabilities, labels.quality(numbers, probabilities)


def table(numbers, splits="train"):
    names = np.array(["cat", "dog"])[numbers]
    files = [f"{name}/{number}.jpg" for number, name in enumerate(names)]
    return pd.DataFrame({"file": files, "split": splits, "label": names})


def test_mislabelled_pictures_have_the_lowest_quality():
    features, numbers = clusters()
    numbers[[3, 50]] = [1, 0]
    probabilities, quality = judged(features, numbers)
    assert set(np.argsort(quality)[:2]) == {3, 50}
    assert set(np.flatnonzero(quality < 0.5)) == {3, 50}
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_a_copy_does_not_vouch_for_a_wrong_label():
    """Predicted by a model that was taught the same mistake, it would look right."""
    features, numbers = clusters()
    features[4:12] = features[3]
    numbers[3:12] = 1
    groups = np.arange(len(numbers))
    groups[3:12] = 3
    _, quality = judged(features, numbers, groups)
    assert (quality[3:12] < 0.5).all()


def test_a_class_of_copies_cannot_be_judged_and_others_are_judged_against_it():
    features, numbers = clusters()
    features[numbers == 1] = features[-1]
    groups = np.where(numbers == 1, 90, np.arange(90))
    numbers[50] = 0  # one of the copies
    probabilities, judged = labels.out_of_fold(features, numbers, groups, folds=5, seed=0)
    assert (judged == (numbers == 0)).all()
    quality = labels.quality(numbers, probabilities)
    assert list(np.flatnonzero(quality < 0.5)) == [50]
    assert (quality[~judged] == 1).all()


def test_a_class_that_is_held_out_at_once_cannot_be_judged_though_it_is_several_groups():
    """Copies in other classes tie its pictures together: here both of class 2 are held out."""
    numbers, groups = np.array([1, 2, 0, 0, 2, 1]), np.array([2, 1, 1, 2, 1, 0])
    features = np.eye(6, dtype=np.float32)
    probabilities, judged = labels.out_of_fold(features, numbers, groups, folds=5, seed=0)
    assert 0 < judged.sum() < 6
    own = probabilities[np.arange(6), numbers]
    assert (own[~judged] == 1).all()
    assert (own[judged] > 0).all()  # where nothing was known of a class, it would be 0


def test_more_folds_than_there_are_pictures_and_too_few_pictures():
    features, numbers = clusters(each=3)
    assert judged(features, numbers, folds=50)[1].min() > 0.5
    features[5] = 0  # as of a picture without features
    assert outliers.distances(features, numbers).argmax() == 5
    one_each = np.eye(2, dtype=np.float32), np.array([0, 1])
    _, could_be_judged = labels.out_of_fold(*one_each, groups=np.arange(2), folds=5, seed=0)
    assert not could_be_judged.any()


def test_doubtful_labels_are_listed_with_what_they_should_be():
    features, numbers = clusters()
    numbers[3] = 1
    probabilities, quality = judged(features, numbers)
    found = findings.of_labels(
        table(numbers),
        ["cat", "dog"],
        probabilities,
        quality,
        labels.confident(numbers, probabilities),
        least=0,
    )
    assert list(found["file"]) == ["dog/3.jpg"]
    assert list(found["action"]) == ["relabel cat"]


@pytest.mark.parametrize("least", [0, 1, 7])
def test_so_many_are_listed_at_least(least):
    features, numbers = clusters()
    probabilities, quality = judged(features, numbers)
    no = np.zeros(len(numbers), bool)
    found = findings.of_labels(table(numbers), ["cat", "dog"], probabilities, quality, no, least)
    assert len(found) == least
    assert set(found["action"]) <= {"look"}
    distances = outliers.distances(features, numbers)
    found = findings.of_outliers(table(numbers), distances, 9.0, least)
    assert list(found["beyond_fence"]) == [False] * least


def test_what_is_like_nothing_else_is_beyond_the_fence():
    features, numbers = clusters()
    # Three of a kind, so that each has neighbours of its own.
    features[[7, 40, 80]] = np.tile([4.0, -4.0], 12) + RNG.normal(size=(3, 24)) / 10
    distances = outliers.distances(features, numbers)
    found = findings.of_outliers(table(numbers), distances, outliers.fence(distances), least=0)
    assert list(found["beyond_fence"]) == [True] * 3
    assert set(found["file"]) == {"cat/7.jpg", "cat/40.jpg", "dog/80.jpg"}
    assert set(found["action"]) == {"look"}


def scenes(numbers, rng):
    """Features of classes with much in common, and few directions in which most else varies."""
    pictures = len(numbers)
    common, of_class = rng.exponential(size=500), rng.exponential(size=(3, 500))
    varies = rng.normal(size=(60, 500)) * np.geomspace(1, 0.1, 60)[:, None]
    good = common + of_class[numbers] / 2
    return good + rng.normal(size=(pictures, 60)) @ varies / 8 + rng.normal(size=good.shape) / 8


@pytest.mark.parametrize("rare", [20, 50, 90])
def test_the_pictures_of_a_rare_class_are_no_outliers(rare):
    """It is less than the tenth of all that may be bad; of itself, no more than a tenth is far."""
    numbers = np.repeat([0, 1, 2], [(1000 - rare) // 2, (1000 - rare) // 2, rare])
    features = scenes(numbers, np.random.default_rng(rare)).astype(np.float32)
    distances = outliers.distances(features, numbers)
    assert (distances > outliers.fence(distances))[numbers == 2].mean() <= 0.1


@pytest.mark.parametrize("share", [0.005, 0.02, 0.05])
@pytest.mark.parametrize("times", [1, 2, 5, 20])
@pytest.mark.parametrize("pictures", [180, 1000])
def test_bad_pictures_are_among_the_first_however_often_they_come(pictures, times, share):
    """Each of some logos comes several times, and 0.9 of them within the first 5 %."""
    rng = np.random.default_rng([pictures, times])
    numbers = rng.integers(3, size=pictures)
    good = scenes(numbers, rng)
    count = max(1, round(share * pictures))
    logos = rng.exponential(size=(math.ceil(count / times), 500))
    bad = np.repeat(logos, times, axis=0)[:count] + rng.normal(size=(count, 500)) / 20
    features = np.concatenate([bad, good]).astype(np.float32)
    numbers = np.concatenate([np.arange(count) % 3, numbers])
    order = np.argsort(-outliers.distances(features, numbers), kind="stable")
    first = order[: math.ceil(0.05 * len(features))]
    assert (first < count).sum() >= 0.9 * count


def photograph(seed, size=(120, 90)):
    """A picture with structure at all scales, as photographs have."""
    rng = np.random.default_rng(seed)
    total = np.zeros((*size[::-1], 3))
    for cells in (2, 4, 8, 16):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        total += np.asarray(noise.resize(size, Image.Resampling.BICUBIC)) / cells
    return Image.fromarray((total / total.max() * 255).astype(np.uint8))


def recompressed(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=20)
    return Image.open(buffer)


CHANGES = {
    "as it is": lambda picture: picture,
    "half as large": lambda picture: picture.resize((60, 45)),
    "a third as large, squeezed": lambda picture: picture.resize((40, 40)),
    "thrice as large": lambda picture: picture.resize((360, 270)),
    "recompressed": recompressed,
    "mirrored": ImageOps.mirror,
    "cropped": lambda picture: picture.crop((2, 2, 118, 88)),
    "mirrored and recompressed": lambda picture: recompressed(ImageOps.mirror(picture)),
}


def find_copies(shown, features, digests=None):
    hashes = np.array([perceptual_hash(picture) for picture in shown], dtype=np.uint64)
    digests = digests or [str(number) for number in range(len(shown))]
    found = copies.find(digests, hashes, features, similarity=0.5)
    return list(zip(found.earlier, found.later, found.equal, strict=True))


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_and_other_pictures_are_not(change):
    shown = [photograph(seed) for seed in range(8)]
    shown.append(CHANGES[change](shown[2]))
    features = np.random.default_rng(2).normal(size=(9, 64)).astype(np.float32)
    # A network is nearly blind to such changes: a cosine of 0.9 and more.
    features[8] = features[2] + features[8] / 3
    assert find_copies(shown, features) == [(2, 8, False)]


def test_pictures_that_are_alike_in_one_way_only_are_no_copies_unless_their_files_are_equal():
    shown = [photograph(seed) for seed in (0, 0, 1, 2)]
    features = np.random.default_rng(2).normal(size=(4, 64)).astype(np.float32)
    features[3] = features[2] + features[3] / 2
    assert find_copies(shown, features) == []
    features[1] = features[0]
    assert find_copies(shown, features, ["a", "a", "b", "c"]) == [(0, 1, True)]


def of_pair(*, splits=("train", "train"), numbers=(0, 0), quality=(0.9, 0.8), equal=True):
    pairs = copies.Pairs(*map(np.array, ([0], [1], [equal], [1.0 if equal else 0.93])))
    shown = table(np.array(numbers), list(splits))
    return findings.of_copies(shown, pairs, np.array(quality)).iloc[0]


@pytest.mark.parametrize(
    ("pair", "file", "other", "action", "across", "disagree"),
    [
        ({"splits": ("train", "test")}, "cat/0", "cat/1", "drop", True, False),
        ({"splits": ("train", "")}, "cat/1", "cat/0", "keep one", False, False),  # left out
        # The one less believed is to change.
        ({"numbers": (0, 1), "quality": (0.1, 0.9)}, "cat/0", "dog/1", "relabel dog", False, True),
        ({"numbers": (0, 1), "quality": (0.9, 0.1)}, "dog/1", "cat/0", "relabel cat", False, True),
    ],
)
def test_of_two_copies_it_is_told_which_one_is_to_go_or_to_change(
    pair, file, other, action, across, disagree
):
    found = of_pair(**pair)
    assert found[["file", "conflicts_with", "action"]].to_list() == [
        f"{file}.jpg", f"{other}.jpg", action
    ]  # fmt: skip
    assert (found["across_splits"], found["labels_disagree"]) == (across, disagree)
    assert not across or "in test" in found["reason"]


def rank(doubtful=(), alone=(), copied=(), moments=(), odd=(), of=1000):
    """Rank files; of odd ones (kind, file) is given, of copies (disagree, across, file)."""

    def plain(rows):
        filled = [(file, "train", "cat", kind, 0.9, "", "look", kind) for kind, file in rows]
        return pd.DataFrame(filled, columns=findings.COLUMNS)

    pairs = plain([("near copy", file) for *_, file in copied])
    pairs["labels_disagree"] = [disagree for disagree, *_ in copied]
    pairs["across_splits"] = [across for _, across, _ in copied]
    found = findings.ranked(
        plain([("label", file) for file in doubtful]),
        plain([("outlier", file) for file in alone]),
        pairs.astype({"labels_disagree": bool, "across_splits": bool}),
        plain(("same moment", file) for file in moments),
        plain(odd),
        of,
    )
    assert list(found["rank"]) == list(range(1, len(found) + 1))
    return list(found["file"])


def test_kinds_take_turns_after_what_is_certain():
    order = rank(
        doubtful=["a1", "a2", "a3"],
        alone=["b1", "b2"],
        copied=[(False, False, "c3"), (True, False, "c1"), (False, True, "c2")],
        odd=[("tiny", "d1")],
    )
    assert order == ["c1", "a1", "b1", "d1", "c2", "a2", "b2", "a3", "c3"]
    assert rank(doubtful=["x", "y"], alone=["z", "x"]) == ["x", "z", "y"]  # one is suspect twice
    assert rank() == []
    # What many files are is no oddity of one.
    odd = [("tiny", f"t{number}") for number in range(6)]
    assert rank(doubtful=["a", "b"], odd=odd, of=100)[:2] == ["a", "b"]
    assert rank(doubtful=["a", "b"], odd=odd, of=1000)[:2] == ["a", "t0"]


def close_classes(distance):
    """Features of two classes of 20, all as far from their own mean, and the classes."""
    features = np.random.default_rng(2).normal(size=(40, 64)).astype(np.float32)
    features[:20, :8] += distance
    return features, np.repeat([0, 1], 20)


def pairs_of(features):
    hashes = np.zeros((len(features), 2), dtype=np.uint64)
    return copies.find([str(number) for number in range(len(features))], hashes, features, 0.45)


def test_what_tells_classes_apart_makes_no_two_pictures_copies():
    features, numbers = close_classes(distance=5)
    taken_off = copies.apart_from_classes(features, numbers)
    means = [taken_off[numbers == label].mean(axis=0) for label in (0, 1)]
    assert means[0] == pytest.approx(means[1], abs=1e-4)
    assert len(pairs_of(features).later) > 100
    assert len(pairs_of(taken_off).later) == 0


def test_pictures_of_which_only_their_class_is_left_are_copies():
    """A class that is one scene: what remains of it is noise, which points anywhere."""
    features, numbers = close_classes(distance=5)
    scene = features[20]
    features[20:] = scene + (features[20:] - scene) / 20
    found = pairs_of(copies.apart_from_classes(features, numbers))
    assert set(numbers[found.earlier]) == set(numbers[found.later]) == {1}
    assert len(found.later) == 20 * 19 / 2  # each with each
    one_among_the_others = numbers.copy()
    one_among_the_others[20] = 0
    found = pairs_of(copies.apart_from_classes(features, one_among_the_others))
    assert 20 in found.earlier


def test_of_many_copies_of_each_other_each_is_listed_once():
    shown = table(np.zeros(500, int), ["train"] * 498 + ["test"] * 2)
    earlier, later = np.triu_indices(500, 1)
    equal, similarity = np.zeros(len(later), bool), np.full(len(later), 0.9, np.float32)
    found = findings.of_copies(shown, copies.Pairs(earlier, later, equal, similarity), np.ones(500))
    # All that were trained on have one in test, which is what matters of them.
    assert sorted(found["file"]) == sorted(f"cat/{n}.jpg" for n in range(500) if n != 498)
    assert list(found["across_splits"]) == [True] * 498 + [False]
