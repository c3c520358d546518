"""Folds that are predicted by heads which had no part in them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from studies import nested_cv
from studies.folds import Together
from vision.runtime.errors import UserError


@pytest.fixture
def together():
    """Features of two classes that overlap; the last ten of each are doubles of ten others."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    features = (rng.normal(size=(120, 5)) + labels[:, None] * 1.5).astype(np.float32)
    groups = np.arange(120)
    for start in (50, 110):
        groups[start : start + 10] -= 10
    paths = [Path(f"{number}.jpg") for number in range(120)]
    return Together(paths, features, labels, pd.Series(["cat", "dog"])[labels], groups)


def test_a_fold_is_predicted_by_a_head_that_it_had_no_part_in(together):
    seen = []

    def predict(given, train, choose, held_out):
        assert given is together
        parts = [train, choose, held_out]
        assert sorted(np.concatenate(parts)) == list(range(120))
        # Nor have its near-duplicates.
        assert sum(len(set(together.groups[part])) for part in parts) == 100
        assert len(train) > len(choose) > 0
        seen.extend(held_out)
        return np.tile([0.8, 0.2], (len(held_out), 1))

    table = nested_cv.validate(together, 5, 4, 2, 0, predict)
    assert sorted(seen) == sorted([*range(120)] * 2)
    assert table["pictures"].sum() == 240
    assert table["wrong"].sum() == 120  # all the dogs, twice
    expected = -(np.log(0.8) * 120 + np.log(0.2) * 120) / 240
    assert np.average(table["loss"], weights=table["pictures"]) == pytest.approx(expected)


def test_the_probabilities_of_a_picture_s_views_are_averaged(together, monkeypatch):
    """Here they are the first feature of each view."""
    head = SimpleNamespace(predict=lambda rows, verbose: rows[:, :1])
    whole = SimpleNamespace(get_layer=lambda name: head)
    monkeypatch.setattr(nested_cv.heads, "fit", lambda *_: (whole,))
    plain, mirrored = np.full((120, 5), 0.2), np.full((120, 5), 0.6)
    train, choose, rest = np.arange(60), np.arange(60, 90), np.arange(90, 120)
    for views, dog in (([plain], 0.2), ([plain, mirrored], 0.4)):
        said = nested_cv.predict(None, "", None, 0, views, together, train, choose, rest)
        np.testing.assert_allclose(said, np.tile([1 - dog, dog], (30, 1)))


def test_what_is_laid_out_is_read_as_the_stages_features(together, tmp_path):
    splits = {"train": np.array([3, 70]), "validation": np.array([5])}
    stored = nested_cv.lay_out(together, splits, tmp_path)
    (rows,) = stored.rows("train")
    assert np.array_equal(rows, together.features[[3, 70]])
    assert stored.labels("train").tolist() == ["cat", "dog"]
    assert stored.labels("validation").tolist() == ["cat"]


@pytest.mark.parametrize(("folds", "parts"), [(51, 4), (5, 45)], ids=["folds", "parts"])
def test_more_parts_than_a_class_has_pictures_are_refused(together, folds, parts):
    name = "folds" if folds > 5 else "parts"
    with pytest.raises(UserError, match=rf"nested.{name} = .* is too many for class "):
        nested_cv.validate(together, folds, parts, 1, 0, lambda *_: pytest.fail("it trained"))
