"""Cross-validation of the head, from arrays."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression

from studies import cross_validate as study
from studies import folds
from studies.logistic import inverse_strength
from vision.runtime.errors import UserError


@pytest.fixture
def pictures():
    """Features of two classes that overlap, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    return rng.normal(size=(120, 5)) + labels[:, None] * [1.5, 0.5, 0, 0, 0] + 3, labels


def of_folds(labels, groups, repeats=1, seed=0):
    return list(folds.folds(labels, groups, 5, repeats, seed))


def test_each_picture_is_predicted_once_from_the_others_in_folds_alike(pictures):
    _, labels = pictures
    splits = of_folds(labels, np.arange(120))
    assert sorted(np.concatenate([held_out for _, held_out in splits])) == list(range(120))
    for train, held_out in splits:
        assert sorted([*train, *held_out]) == list(range(120))
        assert np.bincount(labels[held_out]).tolist() == [12, 12]


def test_near_duplicates_never_straddle_folds(pictures):
    """Also where a picture is there as a cat and as a dog."""
    _, labels = pictures
    groups = np.arange(120)
    groups[50:] -= 20  # 50 to 69, of either class, are doubles of 30 to 49
    for train, held_out in of_folds(labels, groups, repeats=4):
        assert not set(groups[train]) & set(groups[held_out])


def put(folder, split, rows):
    """Write the subset, the features and the index of some pictures."""
    (folder / "data/features").mkdir(parents=True, exist_ok=True)
    for file, _ in rows:
        path = folder / "data/subset" / split / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{split} {file}")
    features = np.random.default_rng(len(rows)).normal(size=(len(rows), 99))
    np.save(folder / f"data/features/{split}.npy", features.astype(np.float32))
    index = pd.DataFrame([(file, file.partition("/")[0]) for file, _ in rows])
    index.to_csv(folder / f"data/features/{split}.csv", index=False, header=["file", "label"])
    return [(f"raw {file}", split, *file.split("/"), group) for file, group in rows]


def test_groups_of_the_stage_subset_straddle_neither_splits_nor_folds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/views").mkdir(parents=True)
    rows = put(
        tmp_path,
        "train",
        [(f"{label}/{n}", f"subject {n // 4}") for label in ("cat", "dog") for n in range(12)],
    )
    rows += put(
        tmp_path, "validation", [(f"{label}/{n}", "") for label in ("cat", "dog") for n in (0, 1)]
    )
    picked = pd.DataFrame(rows, columns=["file", "split", "label", "name", "group"])
    picked.to_csv("data/picked.csv", index=False)
    both = folds.read("near_duplicates", 0.99)
    assert len(set(both.groups)) == 3 + 4  # of either class; those without a group stand alone
    for train, held_out in folds.folds(both.labels, both.groups, 3, 3, 0):
        assert not set(both.groups[train]) & set(both.groups[held_out])
    subjects = [set(both.groups[n : n + 4]) | set(both.groups[n + 12 : n + 16]) for n in (0, 4, 8)]
    assert [len(numbers) for numbers in subjects] == [1, 1, 1]


def test_a_group_and_a_near_duplicate_link_all_of_both():
    groups = folds.merged(np.array([0, 1, 1, 2, 3]), np.array(["ann", "ann", "", "", "bob"]))
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 3


def test_repeats_and_seeds_cut_anew(pictures):
    _, labels = pictures

    def cuts(repeats, seed):
        return [tuple(held_out) for _, held_out in of_folds(labels, np.arange(120), repeats, seed)]

    assert len(set(cuts(3, 0) + cuts(3, 1))) == 6 * 5
    assert cuts(3, 0)[:5] == cuts(1, 0)


def test_too_many_folds_for_a_class_are_refused():
    labels = np.repeat([0, 1], [10, 4])
    groups = np.array([*range(10), 10, 10, 11, 12])
    classes = study.pd.Series(["cat", "dog"])[labels].reset_index(drop=True)
    folds.check(classes, groups, 3)
    with pytest.raises(UserError, match=r"folds = 4 is too many for class dog, which has 3 "):
        folds.check(classes, groups, 4)


def test_the_penalty_is_that_of_the_pipeline(pictures):
    """At scikit-learn's optimum, what Keras minimises has no slope."""
    x, y = pictures
    l2 = 1e-2
    model = LogisticRegression(C=inverse_strength(l2, len(x)), tol=1e-10).fit(x, y)

    def keras_loss(parameters):
        logits = x @ parameters[:-1] + parameters[-1]
        loss = np.logaddexp(0, np.where(y, -logits, logits)).mean()
        return loss + l2 * (parameters[:-1] ** 2).sum()

    slope = approx_fprime(np.append(model.coef_, model.intercept_), keras_loss, 1e-7)
    np.testing.assert_allclose(slope, 0, atol=1e-5)  # finite differences of 1e-7


def test_it_measures_as_scikit_learn_does_by_hand(pictures):
    """Centring and the start from stronger penalties change nothing that shows."""
    x, y = pictures
    splits = of_folds(y, np.arange(120))
    table = study.cross_validate([x], y, splits, [1e-2, 1e-1])
    assert len(table) == 2 * 5
    for row in table.itertuples():
        train, held_out = splits[row.fold - 1]
        model = LogisticRegression(C=1 / (2 * row.l2 * len(train)), tol=1e-10)
        model.fit(x[train], y[train])
        p = model.predict_proba(x[held_out])[np.arange(len(held_out)), y[held_out]]
        assert row.loss == pytest.approx(-np.log(p).mean(), rel=1e-3)  # its tolerance
        assert row.accuracy == (p > 0.5).mean()


def test_views_stay_out_where_their_picture_is_predicted(pictures):
    """Here those of such pictures are no numbers, which a fit refuses."""
    x, y = pictures
    rng = np.random.default_rng(0)
    train = [(np.array([n for n in range(120) if n % 5]), np.arange(0, 120, 5))]
    views = [np.full_like(x, np.nan)]
    views[0][train[0][0]] = rng.normal(size=(96, 5))
    table = study.cross_validate([x, *views], y, train, [1e-2])
    assert np.isfinite(table["loss"]).all()


def test_the_summary_has_mean_and_standard_deviation_of_each_strength():
    rows = [(1, 0.1, 0.8, 0.5), (1, 0.01, 0.9, 0.4), (2, 0.1, 0.6, 0.5), (2, 0.01, 0.9, 0.2)]
    table = study.pd.DataFrame(rows, columns=["fold", "l2", "accuracy", "loss"])
    curve = study.summarise(table)
    np.testing.assert_allclose(curve["l2"], [0.01, 0.1])
    np.testing.assert_allclose(curve["log10_l2"], [-2, -1])
    np.testing.assert_allclose(curve["accuracy"], [0.9, 0.7])
    np.testing.assert_allclose(curve["accuracy_sd"], [0, np.sqrt(0.02)], atol=1e-12)
    np.testing.assert_allclose(curve["loss"], [0.3, 0.5])
    np.testing.assert_allclose(curve["loss_sd"], [np.sqrt(0.02), 0], atol=1e-12)
