"""What is trained on: features as they were stored, those of views included."""

import numpy as np
import pytest

from vision.training import batches
from vision.training.stored_features import Stored


@pytest.fixture
def folder(tmp_path):
    """Features of four pictures as they are: 0 to 3."""
    (tmp_path / "features").mkdir()
    (tmp_path / "views").mkdir()
    rows = np.arange(4, dtype=np.float32).reshape(-1, 1)
    np.save(tmp_path / "features/train.npy", rows)
    index = "file,label\na/0.png,a\na/1.png,a\nb/0.png,b\nb/1.png,b\n"
    (tmp_path / "features/train.csv").write_text(index)
    return tmp_path


@pytest.fixture
def with_views(folder):
    """And of two views of each, in half precision: 10 * view + picture."""
    rows = np.load(folder / "features/train.npy")
    for view in (1, 2):
        np.save(folder / f"views/{view}.npy", (rows + 10 * view).astype(np.float16))
    return folder


def epoch(folder, number, seed=None, chosen=None):
    stored = Stored(folder / "features", folder / "views")
    labels = (stored.labels("train") == "b").astype(int)
    if chosen is not None:
        labels = labels[chosen]
    in_batches = batches.from_features(stored.rows("train"), labels, 2, seed, chosen)
    inputs, labels, _ = zip(*in_batches.epoch(number), strict=True)
    assert all(batch.dtype == np.float32 for batch in inputs)
    return np.concatenate(inputs).ravel(), np.concatenate(labels).ravel()


def test_without_views_every_epoch_has_the_pictures_as_they_are(folder):
    for number in range(3):
        inputs, labels = epoch(folder, number)
        assert inputs.tolist() == [0, 1, 2, 3]
        assert labels.tolist() == [0, 0, 1, 1]


def test_each_epoch_has_the_next_view_and_after_the_last_the_first(with_views):
    seen = [epoch(with_views, number)[0].tolist() for number in range(4)]
    assert seen == [[0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23], [0, 1, 2, 3]]


def test_each_view_keeps_its_picture_s_label(with_views):
    inputs, labels = epoch(with_views, 1, seed=3)
    assert labels.tolist() == (inputs % 10 >= 2).astype(int).tolist()
    inputs, labels = epoch(with_views, 0, chosen=np.array([1, 3]))
    assert (inputs % 10).tolist() == [1, 3]
    assert labels.tolist() == [0, 1]


def test_a_picture_weighs_what_its_index_says_or_1(folder):
    stored = Stored(folder / "features", folder / "views")
    assert stored.weights("train").tolist() == [1, 1, 1, 1]
    index = folder / "features/train.csv"
    rows = index.read_text().splitlines()
    weighed = zip(rows, ["weight", "1", "2.5", "0.5", "1"], strict=True)
    index.write_text("".join(f"{row},{weight}\n" for row, weight in weighed))
    assert stored.weights("train").tolist() == [1, 2.5, 0.5, 1]
    assert stored.labels("train").tolist() == ["a", "a", "b", "b"]
