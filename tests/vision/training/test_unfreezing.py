"""Training from one block of a base, and from one block after another while it pays."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.vision.training.dark_and_light import (
    BLOCK,
    DESCRIPTION,
    LADDER,
    NAME,
    RATE,
    classifier,
    same_weights,
    source_of,
    untrained,
    with_defaults,
)
from vision import pictures
from vision.networks import cut
from vision.training import batches, loop, unfreezing
from vision.training.checkpoint import Checkpoint
from vision.training.progress import Progress

# --- from one block ---


def finetuned(source, **changes):
    model = classifier()
    history, _ = unfreezing.fit(
        model, DESCRIPTION, with_defaults(**changes), BLOCK, RATE, source, None
    )
    return model, history


@pytest.fixture(scope="module")
def after_an_epoch(subset, features, tmp_path_factory):
    """A model that was trained for an epoch, and its history."""
    return finetuned(source_of(subset, features, tmp_path_factory.mktemp("once")))


def test_an_epoch_from_stored_views_is_one_from_the_same_views_made_anew(source, after_an_epoch):
    fresh, fresh_history = finetuned(source, views=0)
    stored, stored_history = after_an_epoch
    # float16 has three digits, and the temperature follows the last of them.
    np.testing.assert_allclose(stored_history, fresh_history, rtol=3e-3)
    moved = 0.0
    for was, one, other in zip(
        untrained().get_weights(), fresh.get_weights(), stored.get_weights(), strict=True
    ):
        moved = max(moved, np.abs(one - was).max())
        # Adam's first steps are of one size, in either direction where a gradient is almost 0.
        assert np.mean(np.abs(one - other) < 1e-4) > 0.98
    assert moved > 1e-3


def test_each_epoch_has_the_next_of_the_stored_views(source):
    (_, one), (_, two) = (finetuned(source, views=views, epochs=2) for views in (1, 2))
    assert (one.iloc[0] == two.iloc[0]).all()
    assert one["train_loss"].iloc[1] != two["train_loss"].iloc[1]


def test_the_stored_activations_go_when_the_training_ends(source):
    files = []

    def look(history):
        files.extend(path.name for path in source.activations.rglob("*.npy"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unfreezing.fit(classifier(), DESCRIPTION, with_defaults(), BLOCK, RATE, source, None, look)
    assert sorted(files) == ["0.npy", "validation.npy"]
    assert not source.activations.exists()


def test_what_is_below_the_cut_stays_as_it_was(after_an_epoch):
    after, before = (model.get_layer("backbone") for model in (after_an_epoch[0], untrained()))
    for layer, was in zip(after.layers, before.layers, strict=True):
        same = all(map(np.array_equal, layer.get_weights(), was.get_weights()))
        assert same != (layer.name.startswith(("block7a", "top")) and layer.trainable_weights != [])


@pytest.mark.parametrize("views", [1, 0])
def test_trains_on_the_chosen_pictures_only(source, views):
    """Of one class alone, it soon calls everything so."""
    of_one_class = replace(source, chosen=np.arange(12))
    model, _ = finetuned(of_one_class, views=views, epochs=4, patience=4)
    light = np.full((1, 64, 64, 3), 180, np.float32)
    assert np.asarray(model(light)).item() <= np.asarray(untrained()(light)).item()


@pytest.mark.parametrize("views", [1, 0])
def test_balanced_the_rare_class_becomes_more_probable(source, views):
    """On all pictures that are dark, and two that are light."""
    unequal = replace(source, chosen=np.arange(14))
    chosen = {"views": views, "epochs": 4, "patience": 4}
    light = np.full((1, 64, 64, 3), 180, np.float32)
    none, balanced = (
        np.asarray(finetuned(unequal, class_weight=weight, **chosen)[0](light)).item()
        for weight in ("none", "balanced")
    )
    assert balanced > none


def test_of_equal_classes_balanced_is_none_to_the_byte(source, after_an_epoch):
    model, history = finetuned(source, class_weight="balanced")
    assert same_weights(model, after_an_epoch[0])
    assert history.equals(after_an_epoch[1])


def test_models_that_differ_below_the_cut_are_not_put_side_by_side(after_an_epoch):
    models = [untrained(), after_an_epoch[0]]
    for block, name in (("top", "top"), (None, "the head")):
        with pytest.raises(ValueError, match=f"the models differ below {name}"):
            cut.side_by_side(models, NAME, block)


# --- from one block after another ---


class Run(SimpleNamespace):
    """A model that was unfrozen gradually, with what that gave."""


def unfrozen(source, rate=RATE, dropout=0.0, checkpoints=None, on_epoch=None, **changes):
    model = classifier(dropout)
    history, summary, lowest = unfreezing.unfreeze_gradually(
        model,
        DESCRIPTION,
        with_defaults(**changes),
        [rate] if isinstance(rate, float) else rate,
        source,
        lambda name: checkpoints and Checkpoint(checkpoints / f"{name}.npz", ""),
        on_epoch,
    )
    return Run(model=model, history=history, summary=summary, lowest=lowest)


@pytest.fixture
def trainings(monkeypatch):
    """Puts trainings with given validation losses in the place of those from each block.

    The first loss is that before the first epoch. An epoch adds one to the bias of the head.
    """

    def put(losses):
        def fit(model, description, finetune, block, rate, source, checkpoint, on_epoch):
            progress = Progress(model, finetune)
            of_block = losses[block]
            for epoch, loss in enumerate(
                of_block[rate] if isinstance(of_block, dict) else of_block
            ):
                if epoch:
                    model.get_layer("head").weights[-1].assign_add([1.0])
                measures = {"validation_loss": loss, "validation_accuracy": 1 - loss}
                progress.add({"train_loss": loss, "train_accuracy": 1 - loss} | measures)
                if epoch and on_epoch:
                    on_epoch(progress.history())
            return progress.finish()

        monkeypatch.setattr(unfreezing, "fit", fit)

    return put


ALL_LOWER = {"top": [0.9, 0.8, 0.7], "block7a": [0.7, 0.6, 0.65], "block6d": [0.6, 0.65, 0.5]}


def bias(run):
    return run.model.get_layer("head").get_weights()[-1].item()


def test_the_next_block_is_tried_as_long_as_the_one_before_lowered_the_loss(
    source, trainings, capsys
):
    trainings(ALL_LOWER)
    seen = []
    run = unfrozen(source, on_epoch=seen.append)
    assert capsys.readouterr().out.splitlines() == [
        f"training from {block} on, at a learning rate of 0.001" for block in LADDER
    ]
    assert run.lowest == "block6d"
    blocks = run.summary["blocks"]
    assert {
        name: [blocks[name][key] for key in ("epochs", "best_epoch", "validation_loss_before")]
        for name in blocks
    } == {"top": [2, 2, 0.9], "block7a": [2, 1, 0.7], "block6d": [2, 2, 0.6]}
    # Epochs are numbered on from block to block, and told after each, with those before it.
    assert list(run.history["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert list(run.history["validation_loss"]) == [0.8, 0.7, 0.6, 0.65, 0.65, 0.5]
    assert (run.summary["epochs"], run.summary["best_epoch"]) == (6, 6)
    assert run.summary["validation_loss"] == 0.5
    assert [len(history) for history in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[-1].equals(run.history)
    assert bias(run) == 5  # 2 epochs, the first of the next 2, and 2 from there


def test_a_block_that_does_not_lower_the_loss_is_the_last(source, trainings):
    trainings(ALL_LOWER | {"block7a": [0.7, 0.7, 0.75]})
    run = unfrozen(source)
    assert list(run.summary["blocks"]) == ["top", "block7a"]
    assert run.lowest == "top"
    assert list(run.history["validation_loss"]) == [0.8, 0.7, 0.7, 0.75]
    assert (run.summary["epochs"], run.summary["best_epoch"]) == (4, 2)
    assert run.summary["validation_loss"] == 0.7
    assert bias(run) == 2  # that of the epoch


def test_where_no_block_lowers_the_loss_the_model_stays_as_it_was(source, trainings):
    trainings({"top": [0.6, 0.61]})
    run = unfrozen(source)
    assert list(run.summary["blocks"]) == ["top"]
    assert (run.summary["epochs"], run.summary["best_epoch"], run.lowest) == (1, 0, None)
    for measure in ("loss", "accuracy"):
        before = run.summary[f"validation_{measure}_before"]
        assert run.summary[f"validation_{measure}"] == before
    assert same_weights(run.model, untrained())


def test_the_next_learning_rate_is_tried_where_the_one_before_lowered_no_loss(source, trainings):
    """And from the next block on, all are tried again."""
    fails, pays = [0.7, 0.8], [0.7, 0.6]
    trainings({"top": {0.4: fails, 0.1: pays, 0.01: pays}, "block7a": {0.4: pays}})
    run = unfrozen(source, [0.4, 0.1, 0.01], unfreeze_from=LADDER[:2])
    assert {block: each["learning_rate"] for block, each in run.summary["blocks"].items()} == {
        "top": 0.1,
        "block7a": 0.4,
    }
    assert list(run.history["validation_loss"]) == [0.8, 0.6, 0.6]
    assert (run.summary["best_epoch"], run.lowest) == (3, "block7a")
    assert bias(run) == 2  # what a training that failed did to it is undone


def test_a_learning_rate_at_which_the_training_diverges_is_left_out(source, capsys):
    run = unfrozen(source, [1e38, RATE], unfreeze_from=["top"])
    assert "left out: training diverged in epoch 1; lower the learning rate (1e+38)\n" in (
        capsys.readouterr().out
    )
    alone = unfrozen(source, RATE, unfreeze_from=["top"])
    assert run.history.equals(alone.history)
    assert same_weights(run.model, alone.model)
    before = unfrozen(source, [RATE / 1e9, 1e38], unfreeze_from=["top"])
    assert same_weights(before.model, untrained())
    assert (before.summary["epochs"], before.summary["best_epoch"]) == (1, 0)
    with pytest.raises(loop.DivergedError):
        unfrozen(source, [1e38], unfreeze_from=["top"])


# Enough epochs that the first block surely lowers the loss.
REAL = {"unfreeze_from": LADDER[1:], "epochs": 3, "patience": 3, "rate": 5e-4}


def test_the_model_ends_with_the_best_weights(whole, subset):
    assert list(whole.summary["blocks"]) == LADDER[1:]
    best = whole.history["validation_loss"].idxmin()
    assert whole.summary["best_epoch"] == whole.history["epoch"][best]
    measured = measures_of(whole.model, subset)
    assert measured["validation_accuracy"] == whole.summary["validation_accuracy"]
    # float16 has three digits, and the temperature follows the last of them.
    assert measured["validation_loss"] == pytest.approx(whole.summary["validation_loss"], rel=3e-3)
    # float32 sums in another order.
    before = measures_of(untrained(), subset)
    for name in ("validation_loss", "validation_accuracy"):
        assert whole.summary[f"{name}_before"] == pytest.approx(before[name], rel=1e-4)


def measures_of(model, subset):
    validation = subset / "validation"
    examples = batches.from_pictures(validation, pictures.index(validation), DESCRIPTION, 12)
    return loop.calibrated_measures(model, examples)()


@pytest.fixture(scope="module")
def whole(subset, features, tmp_path_factory):
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return unfrozen(source_of(subset, features, folder), dropout=0.5, **REAL)


@pytest.mark.parametrize("last", [1, 3, 5])
def test_interrupted_after_any_epoch_it_ends_with_the_same_weights(source, whole, tmp_path, last):
    """Within the first block, between the two, and within the second."""
    assert len(whole.history) == 6

    def interrupt(history):
        if len(history) == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unfrozen(source, dropout=0.5, checkpoints=tmp_path, on_epoch=interrupt, **REAL)
    seen = []
    resumed = unfrozen(source, dropout=0.5, checkpoints=tmp_path, on_epoch=seen.append, **REAL)
    assert [len(history) for history in seen] == list(range(last + 1, 7))
    assert same_weights(resumed.model, whole.model)
    assert resumed.history.equals(whole.history)
    assert (resumed.summary, resumed.lowest) == (whole.summary, whole.lowest)
