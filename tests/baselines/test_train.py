"""The batches that each form is trained on."""

import numpy as np
import pytest
from PIL import Image

from baselines import train
from baselines.params import Params
from tests.code import ROOT
from vision.params import load_params

PARAMS = load_params(ROOT / "baselines/params.yaml", Params)
SIZE = 80


@pytest.fixture
def subset(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        for label in ("cat", "dog", "horse"):
            (tmp_path / split / label).mkdir(parents=True)
            for number in range(3):
                noise = rng.integers(0, 256, (100, 90, 3), np.uint8)
                Image.fromarray(noise).save(tmp_path / split / label / f"{number}.png")
    monkeypatch.setattr(train, "SUBSET", tmp_path)
    return ["cat", "dog", "horse"]


def epochs(split, classes, form, seed=None):
    """Two epochs, each as its pictures and labels in one piece."""
    batches = train.batches(split, classes, SIZE, form, seed)
    return [
        tuple(np.concatenate(parts) for parts in zip(*batches.epoch(number), strict=True))[:2]
        for number in range(2)
    ]


def in_order(pictures):
    return np.sort(pictures.reshape(len(pictures), -1), axis=0)


def test_plain_training_shuffles_the_same_pictures_in_every_epoch(subset):
    (first, first_labels), (second, second_labels) = epochs(
        "train", subset, PARAMS.book_2nd_edition.plain, seed=1
    )
    assert first.dtype == np.float32
    assert first.shape == (9, SIZE, SIZE, 3)
    assert (first_labels != second_labels).any()
    np.testing.assert_array_equal(in_order(first), in_order(second))


def test_augmented_training_has_new_views_in_every_epoch(subset):
    (first, _), (second, _) = epochs("train", subset, PARAMS.book_2nd_edition.augmented, seed=1)
    assert not np.array_equal(in_order(first), in_order(second))


@pytest.mark.parametrize("form", ["plain", "augmented"])
def test_validation_pictures_stay_as_they_are_and_in_order(subset, form):
    (first, labels), (second, _) = epochs(
        "validation", subset, getattr(PARAMS.book_2nd_edition, form)
    )
    np.testing.assert_array_equal(first, second)
    assert labels.ravel().tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    np.testing.assert_array_equal(first, np.rint(first))  # no view
