"""What the head is trained on."""

import numpy as np
import pytest

from stages import train_head
from tests.code import ROOT
from vision.params import load_params

SETTINGS = load_params(ROOT / "params.yaml").train_head.model_copy(update={"batch_size": 2})


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Features of four pictures as they are, and of two views of each: 10 * view + picture."""
    monkeypatch.chdir(tmp_path)
    train_head.FEATURES.mkdir(parents=True)
    train_head.VIEWS.mkdir()
    rows = np.arange(4, dtype=np.float32).reshape(-1, 1)
    np.save(train_head.FEATURES / "train.npy", rows)
    index = "file,label\na/0.png,a\na/1.png,a\nb/0.png,b\nb/1.png,b\n"
    (train_head.FEATURES / "train.csv").write_text(index)
    for view in (1, 2):
        np.save(train_head.VIEWS / f"{view}.npy", rows + 10 * view)
    return sorted(train_head.VIEWS.iterdir())


def epoch(views, number, seed=None):
    batches = train_head.batches("train", views, ["a", "b"], SETTINGS, seed)
    inputs, labels = zip(*batches.epoch(number), strict=True)
    return np.concatenate(inputs).ravel(), np.concatenate(labels).ravel()


def test_without_views_every_epoch_has_the_pictures_as_they_are(stored):
    for number in range(3):
        inputs, labels = epoch([], number)
        assert inputs.tolist() == [0, 1, 2, 3]
        assert labels.tolist() == [0, 0, 1, 1]


def test_a_picture_goes_round_its_views_from_epoch_to_epoch(stored):
    seen = [epoch(stored, number)[0] for number in range(3)]
    assert np.sort(np.stack(seen), axis=0).tolist() == [
        [0, 1, 2, 3],
        [10, 11, 12, 13],
        [20, 21, 22, 23],
    ]


def test_an_epoch_mixes_the_views_of_different_pictures(stored):
    inputs, _ = epoch(stored, 0)
    assert set(inputs // 10) == {0, 1, 2}


def test_each_view_keeps_its_picture_s_label(stored):
    inputs, labels = epoch(stored, 1, seed=3)
    assert labels.tolist() == (inputs % 10 >= 2).astype(int).tolist()
