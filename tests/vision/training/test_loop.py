"""Training with the best weights kept."""

from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from tests.vision.training.test_heads import settings, two_clouds
from vision.models.description import class_probabilities
from vision.networks import backbones
from vision.networks.extractor import build_extractor
from vision.params import BackboneSettings
from vision.runtime.errors import UserError
from vision.training import loop, optimization
from vision.training.batches import Batches
from vision.training.checkpoint import Checkpoint
from vision.training.heads import build_head
from vision.training.loop import fit


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def batches(inputs, labels, seed=None, batch_size=8, class_weight="none"):
    weights = optimization.sample_weights(class_weight, labels, np.ones(len(labels)))
    return Batches(lambda chosen, _epoch: inputs[chosen], labels, batch_size, seed, weights)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_learns_to_tell_classes_apart_and_never_becomes_worse(rng, classes, optimizer):
    head = build_head(4, classes, settings(), seed=0)
    inputs, labels = two_clouds(rng, 200, classes)
    validation = batches(*two_clouds(rng, 100, classes))
    chosen = settings(optimizer=optimizer, epochs=15, patience=15)
    history, summary = fit(head, batches(inputs, labels, 0), validation, chosen, 0.02)
    assert len(history) == summary["epochs"] == 15
    assert summary["validation_accuracy"] > max(0.9, summary["validation_accuracy_before"])
    before = head.get_weights()
    contrary = batches(inputs, (labels + 1) % classes, seed=0)
    _, summary = fit(head, contrary, validation, settings(optimizer=optimizer, epochs=2), 0.5)
    assert summary["best_epoch"] == 0
    assert summary["validation_loss"] == summary["validation_loss_before"]
    assert all(map(np.array_equal, head.get_weights(), before))


def test_keeps_the_weights_of_the_best_epoch_and_stops_after_the_patience(rng):
    train, validation = two_clouds(rng, 40, distance=1.0), two_clouds(rng, 40, distance=1.0)
    head = build_head(4, 2, settings(), seed=0)
    # So large a step soon overshoots.
    chosen = settings(optimizer="sgd", epochs=60, patience=3)
    history, summary = fit(head, batches(*train, seed=0), batches(*validation), chosen, 2.0)
    best = history["validation_loss"].idxmin()
    assert summary["best_epoch"] == history["epoch"][best]
    assert len(history) == best + 1 + 3 < 60
    probabilities = np.asarray(head(validation[0]))[:, 0]
    loss = -np.log(np.where(validation[1] == 1, probabilities, 1 - probabilities)).mean()
    assert loss == pytest.approx(history["validation_loss"][best], rel=1e-4)  # float32


@pytest.mark.parametrize("classes", [2, 3])
def test_how_sure_a_model_is_changes_no_calibrated_loss(rng, classes):
    train, validation = two_clouds(rng, 200, classes, 1.0), two_clouds(rng, 200, classes, 1.0)
    head = build_head(4, classes, settings(), seed=0)
    fit(head, batches(*train, seed=0), batches(*validation), settings(epochs=20), 0.05)
    kernel, bias = head.get_weights()

    def before(times, calibrated):
        head.set_weights([kernel * times, bias * times])
        sets = batches(*train, seed=0), batches(*validation)
        _, summary = fit(head, *sets, settings(), 1e-9, calibrated=calibrated)
        return summary["validation_loss_before"], summary["validation_accuracy_before"]

    as_it_is, surer = before(1, True), before(4, True)
    assert surer == pytest.approx(as_it_is, rel=0.02)  # the prior holds the temperature a little
    assert before(4, False)[0] > 1.2 * before(1, False)[0]
    assert as_it_is[0] <= before(1, False)[0] + 1e-6


# --- unequal classes ---


def test_balanced_each_class_counts_the_same_and_a_picture_1_in_the_mean():
    labels = np.array([0, 2, 2, 2, 0, 2])  # of a third class, there are none here
    ones = np.ones(6)
    weights = optimization.sample_weights("balanced", labels, ones)
    np.testing.assert_allclose(weights, 6 / (2 * np.array([2, 4, 4, 4, 2, 4])))
    assert weights.mean() == 1
    named = np.array(["cat", "dog", "fox"])[labels]
    assert (optimization.sample_weights("balanced", named, ones) == weights).all()
    assert (optimization.sample_weights("none", labels, ones) == 1).all()


def test_balanced_weights_that_are_given_count_within_their_class():
    labels, given = np.array([0, 0, 1, 1, 1, 1]), np.array([1, 3, 10, 10, 10, 10])
    weights = optimization.sample_weights("balanced", labels, given)
    np.testing.assert_allclose(weights, [0.75, 2.25, 0.75, 0.75, 0.75, 0.75])
    assert (optimization.sample_weights("none", labels, given) == 1).all()


@pytest.mark.parametrize("calibrated", [False, True])
def test_balanced_losses_are_those_of_as_many_pictures_of_each_class(rng, calibrated):
    """Here made by repetition: the rare class's three times, in training and in validation."""
    inputs, labels = two_clouds(rng, 78, distance=1.0)
    kept = (labels == 0) | (np.arange(78) % 3 == 0)
    inputs, labels = inputs[kept], labels[kept]
    assert np.bincount(labels).tolist() == [39, 13]
    repeated = np.repeat(np.arange(len(labels)), np.where(labels == 1, 3, 1))
    chosen = settings(optimizer="sgd", epochs=3, patience=3)
    found = []
    for rows, weight in ((np.arange(len(labels)), "balanced"), (repeated, "none")):
        head = build_head(4, 2, settings(), seed=0)
        # All in one step.
        every = batches(inputs[rows], labels[rows], None, len(rows), weight)
        history, _ = fit(head, every, every, chosen, 0.5, calibrated=calibrated)
        found.append((history.filter(like="loss"), np.concatenate(head.get_weights(), axis=None)))
    (weighted, weights), (expected, of_repeated) = found
    # float32; and the prior of the temperature counts for less, the more pictures there are.
    rtol = 5e-3 if calibrated else 1e-5
    np.testing.assert_allclose(weighted, expected, rtol=rtol)
    np.testing.assert_allclose(weights, of_repeated, rtol=1e-4, atol=1e-6)


def test_accuracies_stay_the_share_that_is_right(rng):
    inputs, labels = two_clouds(rng, 60, distance=1.0)
    unequal = np.sort(labels[:40] * (np.arange(40) % 4 == 1))
    measured = []
    for weight in ("none", "balanced"):
        some = batches(inputs[:40], unequal, class_weight=weight)
        measured.append(fit(build_head(4, 2, settings(), 0), some, some, settings(), 1e-9)[1])
    of_none, of_balanced = (each["validation_accuracy_before"] for each in measured)
    assert of_none == of_balanced
    of_none, of_balanced = (each["validation_loss_before"] for each in measured)
    assert of_none != of_balanced


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_learning_rate_falls_to_zero_over_the_epochs_unless_constant(rng, schedule):
    """By its steps: rows of a single example have the same gradient, but for the learning."""
    inputs, labels = np.ones((8, 4), np.float32), np.ones(8, int)
    weights = []

    def watched(chosen, _epoch):
        weights.append(head.get_weights()[0].copy())
        return inputs[chosen]

    head = build_head(4, 2, settings(), seed=0)
    train = Batches(watched, labels, batch_size=8)
    validation = batches(inputs, labels)
    chosen = settings(optimizer="rmsprop", schedule=schedule, epochs=8, patience=8)
    fit(head, train, validation, chosen, 0.01)
    weights.append(head.get_weights()[0])
    moved = [np.abs(b - a).max() for a, b in pairwise(weights)]
    steps = [step for step in moved if step]
    # Half a cosine: the last of eight steps has (1 + cos(7/8 pi)) / 2 = 4 % of the first rate.
    # At a constant rate, RMSprop's steps fall from sqrt(10) times the rate towards it.
    assert (steps[-1] < 0.1 * max(steps)) == (schedule == "cosine")


def test_a_training_that_diverges_is_refused(rng):
    inputs, labels = two_clouds(rng, 16)
    inputs[3] = np.inf
    with pytest.raises(UserError, match=r"diverged in epoch 1; lower the learning rate \(0\.5\)"):
        fit(
            build_head(4, 2, settings(), seed=0),
            batches(inputs, labels),
            batches(*two_clouds(rng, 8)),
            settings(epochs=3),
            0.5,
        )


@pytest.mark.parametrize("at_once", [1, 2 * 8 * 4 * 4, 10**6])  # one batch, two, and all
def test_the_same_seed_gives_the_same_bytes_however_many_batches_are_taken_at_once(
    rng, monkeypatch, at_once
):
    train, validation = two_clouds(rng, 60), two_clouds(rng, 20)

    def trained(seed):
        head = build_head(4, 2, settings(dropout=0.5), seed)
        fit(head, batches(*train, seed), batches(*validation), settings(epochs=3, patience=3), 0.01)
        return b"".join(weight.tobytes() for weight in head.get_weights())

    once = trained(1)
    assert once != trained(2)
    monkeypatch.setattr(loop, "_AT_ONCE", at_once)
    assert trained(1) == once


@pytest.mark.parametrize("classes", [2, 3])
def test_an_epoch_is_that_of_keras_own_steps(rng, classes):
    train, validation = two_clouds(rng, 60, classes), two_clouds(rng, 20, classes)
    ours, keras_own = (build_head(4, classes, settings(l2=0.01), seed=0) for _ in range(2))
    chosen = settings(epochs=1, patience=1, schedule="constant")
    history, summary = fit(ours, batches(*train, seed=0), batches(*validation), chosen, 0.01)
    kind = "binary" if classes == 2 else "sparse_categorical"
    keras_own.compile(keras.optimizers.Adam(0.01), f"{kind}_crossentropy", metrics=["accuracy"])
    accuracies = []
    for inputs, labels, _ in batches(*train, seed=0).epoch(0):
        measured = keras_own.train_on_batch(inputs, labels, return_dict=True)
        accuracies += [measured["accuracy"]] * len(labels)
    for one, other in zip(ours.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert history["train_accuracy"][0] == pytest.approx(np.mean(accuracies))
    # The losses that are told hold no penalty.
    labels, probabilities = validation[1], class_probabilities(np.asarray(ours(validation[0])))
    loss = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
    assert min(history["validation_loss"][0], summary["validation_loss"]) == pytest.approx(loss)


class Dies(Checkpoint):
    """A checkpoint in whose training somebody presses Ctrl-C, before an epoch is saved."""

    before_epoch: int | None = None

    def save(self, content, arrays):
        if len(content) - 1 == self.before_epoch:
            raise KeyboardInterrupt
        super().save(content, arrays)


def test_an_interrupted_training_goes_on_to_the_same_bytes(rng, tmp_path):
    train, validation = two_clouds(rng, 60), two_clouds(rng, 20)
    chosen = settings(dropout=0.5, epochs=6, patience=6)
    trained_epochs = set()

    def train_on(checkpoint):
        def load(rows, epoch):
            trained_epochs.add(epoch + 1)
            return train[0][rows]

        trained_epochs.clear()
        head = build_head(4, 2, chosen, seed=0)
        examples = Batches(load, train[1], 8, shuffle_seed=3)
        history, summary = fit(head, examples, batches(*validation), chosen, 0.05, checkpoint)
        return history, summary, b"".join(weight.tobytes() for weight in head.get_weights())

    history, summary, weights = train_on(None)
    checkpoint = Dies(tmp_path / "state.npz", "this work")
    for checkpoint.before_epoch in (1, 2, 5):
        with pytest.raises(KeyboardInterrupt):
            train_on(checkpoint)
    checkpoint.before_epoch = None
    resumed_history, resumed_summary, resumed_weights = train_on(checkpoint)
    assert trained_epochs == {5, 6}
    assert resumed_weights == weights
    assert resumed_summary == summary
    pd.testing.assert_frame_equal(resumed_history, history)

    # Killed after the last epoch was saved: nothing is left to train.
    assert train_on(checkpoint)[2] == weights
    assert trained_epochs == set()


def order_of(examples, epoch):
    """Tell which examples an epoch takes, from labels that number them."""
    read = [labels[:, 0] for _, labels, _ in examples.epoch(epoch)]
    assert [len(labels) for labels in read] == [4, 4, 4, 4, 4, 1]
    return list(np.concatenate(read))


def test_an_epoch_takes_each_example_once_in_an_order_of_its_own():
    labels = np.arange(21)
    shuffled = batches(labels, labels, seed=5, batch_size=4)
    orders = [order_of(shuffled, epoch) for epoch in range(3)]
    assert all(sorted(order) == list(labels) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert order_of(shuffled, 1) == orders[1]
    fixed = batches(labels, labels, batch_size=4)
    assert order_of(fixed, 0) == order_of(fixed, 1) == list(labels)


def test_batch_normalisation_stays_in_inference_mode(rng):
    """In Keras 3, `training=False` at the call isn't enough; see backbones.unfreeze."""
    chosen = BackboneSettings(
        name="efficientnet_lite0",
        weights="imagenet",
        preprocessing="published",
        pooling="avg",
        image_size=32,
    )
    extractor = build_extractor(chosen, Path())
    conv_base = extractor.get_layer("backbone")
    backbones.unfreeze(conv_base, chosen.name, "block7a")
    head = build_head(extractor.output.shape[1], 2, settings(), seed=0)
    model = keras.Model(extractor.input, head(extractor.output))
    before = {weight.path: weight.numpy() for weight in conv_base.weights}
    pictures = rng.uniform(0, 255, (8, 32, 32, 3)).astype(np.float32)
    labels = np.arange(8) % 2
    examples = batches(pictures, labels, batch_size=4)
    seen = keras.Model(model.input, model.output)
    seen.compile("sgd", "binary_crossentropy", jit_compile=False)
    for inputs, targets, _ in examples.epoch(0):
        seen.train_on_batch(inputs, targets)
    changed = {w.path for w in conv_base.weights if (w.numpy() != before[w.path]).any()}
    trained = {weight.path for weight in conv_base.trainable_weights}
    assert changed == trained
    assert trained == {
        f"{layer}/kernel"
        for layer in ("block7a_expand_conv", "block7a_dwconv", "block7a_project_conv", "top_conv")
    }
