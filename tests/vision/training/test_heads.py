"""The densely connected classifier: its layers, and its training on stored features."""

import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from vision.models.description import class_probabilities
from vision.params import TrainHead
from vision.training import heads
from vision.training.heads import build_head
from vision.training.stored_features import Stored

STRENGTHS = [1e-4, 1e-2, 1.0]


def settings(**changes) -> TrainHead:
    defaults = {
        "standardize": False,
        "levels": True,
        "hidden_units": 0,
        "dropout": 0.0,
        "l2": 0.0,
        "class_weight": "none",
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "batch_size": 32,
        "epochs": 1,
        "patience": 1,
    }
    return TrainHead(**defaults | changes)


def two_clouds(rng, count, classes=2, distance=4.0):
    labels = np.arange(count) % classes
    centres = distance * np.eye(classes, 4)
    return (centres[labels] + rng.normal(size=(count, 4))).astype(np.float32), labels


def test_two_classes_have_one_sigmoid_unit_and_more_a_softmax():
    for classes, units, activation in ((2, 1, "sigmoid"), (3, 3, "softmax")):
        head = build_head(5, classes, settings(hidden_units=7), seed=0)
        assert head.layers[-1].activation == getattr(keras.activations, activation)
        assert [weight.shape for weight in head.get_weights()] == [
            *((5, 7), (7,), (7, units), (units,))
        ]


def test_without_hidden_units_it_is_logistic_regression_with_dropout_and_a_penalty():
    head = build_head(10_000, 2, settings(dropout=0.3, l2=0.5), seed=0)
    kernel, bias = head.get_weights()
    features = np.random.default_rng(0).normal(size=(4, 10_000)).astype(np.float32)
    expected = 1 / (1 + np.exp(-(features @ kernel + bias)))
    np.testing.assert_allclose(np.asarray(head(features)), expected, rtol=1e-3)  # float32
    assert float(sum(head.losses)) == pytest.approx(0.5 * (kernel**2).sum(), rel=1e-5)
    ones = np.ones((1, 10_000), np.float32)
    dropped = (np.asarray(head.get_layer("dropout")(ones, training=True)) == 0).mean()
    # Of 10,000 draws, five standard deviations.
    assert dropped == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / 10_000))


def test_the_seed_draws_the_weights():
    one, same, other = (build_head(5, 2, settings(), seed).get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


# --- training, on stored features ---


@pytest.fixture
def stored(tmp_path):
    """Features of few pictures that overlap, so that the strength matters; and a view of them."""
    rng = np.random.default_rng(0)
    for folder in ("features", "views"):
        (tmp_path / folder).mkdir()
    for split, count in (("train", 40), ("validation", 200)):
        rows, labels = two_clouds(rng, count, distance=0.8)
        np.save(tmp_path / f"features/{split}.npy", rows)
        names = pd.DataFrame({"label": np.array(["cat", "dog"])[labels]})
        names.to_csv(tmp_path / f"features/{split}.csv", index=False)
        if split == "train":
            np.save(tmp_path / "views/0.npy", rows + 1)
    return Stored(tmp_path / "features", tmp_path / "views")


def fit(stored, chosen=None, **changes):
    """Train heads upon an extractor that gives what it gets: two last maps, and two larger ones."""
    inputs = keras.Input((4,))
    maps = keras.layers.Concatenate(name="levels")([inputs[:, :2], inputs[:, 2:]])
    conv_base = keras.Model(inputs, maps, name="backbone")
    extractor = keras.Model(inputs, conv_base(inputs))
    model, _, _, summary = heads.fit(
        extractor, "vgg16", stored, settings(epochs=30, patience=30, **changes), 0, chosen
    )
    return model.get_layer("head").get_weights(), summary


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_of_several_strengths_that_of_the_least_validation_loss_is_kept(stored, optimizer):
    each = {l2: fit(stored, l2=l2, optimizer=optimizer) for l2 in STRENGTHS}
    weights, summary = fit(stored, l2=STRENGTHS, optimizer=optimizer)
    losses = {l2: found["validation_loss"] for l2, (_, found) in each.items()}
    assert summary["l2"] == min(losses, key=losses.get)
    assert len(set(losses.values())) == len(STRENGTHS)
    for weight, expected in zip(weights, each[summary["l2"]][0], strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_standardized_features_may_have_any_scale(stored, tmp_path, optimizer):
    """The weights are those for features that were standardized before."""
    (stored.views / "0.npy").unlink()
    rows = np.load(stored.features / "train.npy").astype(float)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    before = changed(stored, tmp_path / "before", lambda given: (given - mean) / deviation)
    scales = np.array([1, 0.1, 5, 30])
    scaled = changed(stored, tmp_path / "scaled", lambda given: given * scales)
    expected, _ = fit(before, optimizer=optimizer)
    (_, own_mean, own_variance, *found), _ = fit(scaled, optimizer=optimizer, standardize=True)
    np.testing.assert_allclose(own_mean, mean * scales, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(own_variance, (deviation * scales) ** 2, rtol=1e-4)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_without_levels_only_the_last_maps_count(stored, tmp_path, optimizer):
    """What the other features are makes no difference; as they are, here, by no scale."""
    other = changed(stored, tmp_path / "other", lambda given: given * [1, 1, 7, -3])
    (used, mean, variance, kernel, _), _ = fit(stored, optimizer=optimizer, levels=False, l2=0.1)
    (*_, of_other, _), _ = fit(other, optimizer=optimizer, levels=False, l2=0.1)
    np.testing.assert_array_equal(used, [1, 1, 0, 0])
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_allclose(variance, 1, atol=1e-5)
    np.testing.assert_allclose(kernel[:2], of_other[:2], rtol=1e-5)


def test_of_several_heads_each_has_a_line_with_its_validation_loss(stored, capsys):
    _, summary = fit(stored, l2=[0.1, 0.01], levels="auto")
    printed = capsys.readouterr().out.splitlines()
    heads = [line.partition(": ") for line in printed if line.startswith("head on")]
    assert [which for which, _, _ in heads] == [
        f"head on {maps}, with an L2 penalty of {l2}"
        for maps in ("the last maps", "larger maps, too")
        for l2 in (0.1, 0.01)
    ]
    weights = [head["weight"] for head in summary["heads"].values()]
    assert printed[-1] == (
        f"both heads, times {weights[0]:g} and {weights[1]:g}: validation loss "
        f"{summary['validation_loss']:.4f}, accuracy {summary['validation_accuracy']:.4f}"
    )
    fit(stored, l2=0.1, levels=True)
    assert "head on" not in capsys.readouterr().out


@pytest.mark.parametrize("pays", [True, False])
def test_larger_maps_count_the_more_the_more_they_tell(stored, tmp_path, pays):
    """Two features tell the classes apart, which are the larger maps' or the last maps'."""
    order = [2, 3, 0, 1] if pays else [0, 1, 2, 3]
    told = changed(stored, tmp_path / "told", lambda given: given[:, order])
    _, summary = fit(told, optimizer="lbfgs", levels="auto", standardize=True, l2=1e-2)
    assert [*summary["heads"]] == ["last_maps", "levels"]
    without, beside = (head["weight"] for head in summary["heads"].values())
    assert (beside > 3 * without) == pays
    better = summary["heads"]["levels" if pays else "last_maps"]
    assert (summary["levels"], summary["l2"]) == (pays, better["l2"])
    assert summary["validation_loss"] <= better["validation_loss"] + 0.01


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("hidden_units", [0, 3])
@pytest.mark.parametrize("standardize", [True, False])
def test_two_heads_become_one_whose_logits_are_their_weighted_sum(
    tmp_path, classes, hidden_units, standardize
):
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        rows, labels = two_clouds(rng, 60, classes, distance=1.0)
        np.save(tmp_path / f"{split}.npy", rows)
        names = pd.DataFrame({"label": np.array(["cat", "dog", "emu"])[labels]})
        names.to_csv(tmp_path / f"{split}.csv", index=False)
    chosen = {"optimizer": "lbfgs", "hidden_units": hidden_units, "standardize": standardize}
    last = np.array([True, True, False, False])

    def train(levels):
        own = settings(epochs=20, patience=20, l2=1e-2, levels=levels, **chosen)
        return heads.train(last, Stored(tmp_path), own, seed=0)

    head, _, _, summary = train("auto")
    expected = sum(
        summary["heads"][name]["weight"] * logits(train(levels)[0](rows))
        for name, levels in (("last_maps", False), ("levels", True))
    )
    given = logits(head(rows))
    np.testing.assert_allclose(given, expected - expected[:, :1], atol=1e-3)
    of_labels = class_probabilities(np.asarray(head(rows)))[np.arange(60), labels]
    assert -np.log(of_labels).mean() == pytest.approx(summary["validation_loss"], rel=1e-3)


@pytest.mark.parametrize("hidden_units", [0, 3])
def test_one_that_was_two_becomes_one_with_others_as_well(hidden_units):
    rng = np.random.default_rng(0)
    chosen = settings(hidden_units=hidden_units)
    columns = [np.array([0, 2, 5]), np.array([1, 3, 4])]
    alone = [build_head(3, 3, chosen, seed) for seed in range(3)]
    two = heads.stack(alone[:2], [np.arange(3)] * 2, [0.5, 2.0], chosen, seed=0)
    whole = heads.stack([two, alone[2]], columns, [0.25, 3.0], chosen, seed=0)
    rows = rng.normal(size=(5, 6)).astype(np.float32)
    first, second, third = (
        logits(head(rows[:, own]))
        for head, own in zip(alone, [*columns[:1], *columns], strict=True)
    )
    expected = 0.25 * (0.5 * first + 2 * second) + 3 * third
    np.testing.assert_allclose(logits(whole(rows)), expected, atol=1e-4)


def logits(outputs):
    """Return the log-probabilities of classes less that of the first."""
    logs = np.log(class_probabilities(np.asarray(outputs)).astype(float))
    return logs - logs[:, :1]


def changed(stored, folder, change):
    shutil.copytree(stored.features, folder)
    for file in folder.glob("*.npy"):
        np.save(file, change(np.load(file).astype(float)).astype(np.float32))
    return Stored(folder, stored.views)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_views_are_trained_on_as_well(stored, tmp_path, optimizer):
    with_view, _ = fit(stored, l2=0.01, optimizer=optimizer)
    other = fit(stored, l2=0.01, optimizer=optimizer, schedule="constant")[0]
    assert (optimizer == "lbfgs") == np.array_equal(with_view[0], other[0])  # which has no rate
    (tmp_path / "views/0.npy").unlink()
    without, _ = fit(stored, l2=0.01, optimizer=optimizer)
    assert (with_view[0] != without[0]).any()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_only_the_chosen_pictures_are_trained_on(stored, optimizer):
    chosen = np.arange(10)
    few, _ = fit(stored, chosen, l2=0.01, optimizer=optimizer)
    rows = np.load(stored.features / "train.npy")
    rows[10:] = 99
    np.save(stored.features / "train.npy", rows)
    np.save(stored.views / "0.npy", rows + (np.arange(len(rows)) < 10)[:, np.newaxis])
    again, _ = fit(stored, chosen, l2=0.01, optimizer=optimizer)
    for one, other in zip(few, again, strict=True):
        np.testing.assert_array_equal(one, other)


# --- unequal classes ---


def unequal(folder, cats, dogs, classes=("cat", "dog")):
    """Features of clouds that overlap, as many of each class as said in all splits."""
    rng = np.random.default_rng(0)
    (folder / "features").mkdir(parents=True)
    (folder / "views").mkdir()
    for split, times in (("train", 1), ("validation", 2)):
        rows, labels = two_clouds(rng, 2 * max(cats, dogs) * times, distance=1.0)
        of_each = [np.flatnonzero(labels == k)[: n * times] for k, n in enumerate((cats, dogs))]
        kept = np.sort(np.concatenate(of_each))
        np.save(folder / f"features/{split}.npy", rows[kept])
        names = pd.DataFrame({"label": np.array(classes)[labels[kept]]})
        names.to_csv(folder / f"features/{split}.csv", index=False)
    return Stored(folder / "features", folder / "views")


def recalls(weights):
    """Of many new pictures of each class, the shares that a head finds."""
    head = build_head(4, 2, settings(), seed=0)
    head.set_weights(weights)
    rows, labels = two_clouds(np.random.default_rng(1), 10_000, distance=1.0)
    said = class_probabilities(np.asarray(head(rows))).argmax(axis=1)
    return [(said[labels == k] == k).mean() for k in (0, 1)]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_balanced_a_rare_class_is_found_at_the_expense_of_the_common_one(tmp_path, optimizer):
    stored = unequal(tmp_path, cats=300, dogs=30)
    chosen = {"optimizer": optimizer, "learning_rate": 0.05, "l2": [1e-3, 1e-1]}
    (of_cats, of_dogs), (weighted_cats, weighted_dogs) = (
        recalls(fit(stored, class_weight=weight, **chosen)[0]) for weight in ("none", "balanced")
    )
    # The line that is best for both finds 76 % of each; that of most right, 98 % and 18 %.
    assert of_dogs < 0.4
    assert weighted_dogs > 0.65
    assert 0.65 < weighted_cats < of_cats
    assert weighted_cats + weighted_dogs > of_cats + of_dogs


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_of_equal_classes_balanced_is_none_to_the_byte(stored, optimizer):
    chosen = {"optimizer": optimizer, "l2": STRENGTHS, "levels": "auto"}
    none, balanced = (fit(stored, class_weight=w, **chosen) for w in ("none", "balanced"))
    assert none[1] == balanced[1]
    for one, other in zip(none[0], balanced[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_balanced_the_best_is_chosen_by_a_loss_in_which_all_classes_count_the_same(
    tmp_path, optimizer
):
    """By the validation pictures' own numbers: four of five are dogs there, here one of eleven."""
    stored = unequal(tmp_path, cats=100, dogs=10)
    rows, labels = two_clouds(np.random.default_rng(2), 50)
    kept = np.flatnonzero((labels == 1) | (np.arange(50) < 12))
    np.save(stored.features / "validation.npy", rows[kept])
    names = pd.DataFrame({"label": np.array(["cat", "dog"])[labels[kept]]})
    names.to_csv(stored.features / "validation.csv", index=False)
    weights, summary = fit(stored, class_weight="balanced", optimizer=optimizer)
    head = build_head(4, 2, settings(), seed=0)
    head.set_weights(weights)
    of_labels = class_probabilities(np.asarray(head(rows)))[np.arange(50), labels][kept]
    of_class = [-np.log(of_labels[labels[kept] == k]).mean() for k in (0, 1)]
    assert summary["validation_loss"] == pytest.approx(np.mean(of_class), rel=1e-4)  # float32
