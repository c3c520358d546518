"""Fine-tuning: from one block, and from one block after another while it pays."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from tests.code import ROOT
from tests.vision.training.test_heads import settings
from vision import pictures
from vision.features import extraction
from vision.models import saving
from vision.models.engine import Engine
from vision.networks import cut
from vision.networks.extractor import build_extractor
from vision.params import BackboneSettings, load_params
from vision.runtime.errors import UserError
from vision.training import batches, finetuning, loop
from vision.training.checkpoint import Checkpoint
from vision.training.heads import build_head
from vision.training.progress import Progress

PARAMS = load_params(ROOT / "params.yaml")
NAME = "efficientnet_lite0"
BACKBONE = BackboneSettings(name=NAME, weights="imagenet", pooling="avg", image_size=64)
DESCRIPTION = saving.Description(["dark", "light"], 64, NAME)
BLOCK = "block7a"
LADDER = ["top", "block7a", "block6d"]
RATE = 1e-3


@pytest.fixture(scope="module")
def subset(tmp_path_factory):
    """Pictures of two classes that differ in brightness."""
    folder = tmp_path_factory.mktemp("subset")
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("validation", 6)):
        for label, light in (("dark", 0), ("light", 100)):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = light + rng.integers(0, 156, (64, 64, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(
                    folder / split / label / f"{number}.png"
                )
    return folder


def of_validation(subset):
    index = pictures.index(subset / "validation")
    labels = index["label"].map(DESCRIPTION.classes.index).to_numpy()
    return [subset / "validation" / file for file in index["file"]], labels


@pytest.fixture(scope="module")
def features(subset, tmp_path_factory):
    """Those of the validation pictures."""
    file = tmp_path_factory.mktemp("features") / "validation.npy"
    extraction.write(Engine(build_extractor(BACKBONE, ROOT)), of_validation(subset)[0], file)
    return file


def source_of(subset, features, folder):
    return finetuning.Source(
        subset, features, folder / "activations", 0, PARAMS.augmentation, seed=5
    )


@pytest.fixture
def source(subset, features, tmp_path):
    return source_of(subset, features, tmp_path)


def classifier(dropout=0.0):
    extractor = build_extractor(BACKBONE, ROOT)
    head = build_head(extractor.output.shape[1], 2, settings(dropout=dropout), seed=0)
    return keras.Model(extractor.input, head(extractor.output))


def with_defaults(**changes):
    defaults = {
        "unfreeze_from": LADDER,
        "least_wrong": 0,
        "views": 1,
        "epochs": 1,
        "batch_size": 8,
    }
    return PARAMS.finetune.model_copy(update=defaults | changes)


def same_weights(one, other):
    return all(map(np.array_equal, one.get_weights(), other.get_weights()))


# --- from one block ---


def finetuned(source, **changes):
    model = classifier()
    history, _ = finetuning.fit(
        model, DESCRIPTION, with_defaults(**changes), BLOCK, RATE, source, None
    )
    return model, history


def test_an_epoch_from_stored_views_is_one_from_the_same_views_made_anew(source):
    fresh, fresh_history = finetuned(source, views=0)
    stored, stored_history = finetuned(source)
    # float16 has three digits, and the temperature follows the last of them.
    np.testing.assert_allclose(stored_history, fresh_history, rtol=3e-3)
    moved = 0.0
    for was, one, other in zip(
        classifier().get_weights(), fresh.get_weights(), stored.get_weights(), strict=True
    ):
        moved = max(moved, np.abs(one - was).max())
        # Adam's first steps are of one size, in either direction where a gradient is almost 0.
        assert np.mean(np.abs(one - other) < 1e-4) > 0.98
    assert moved > 1e-3


def test_each_epoch_has_the_next_of_the_stored_views(source):
    (_, one), (_, two) = (finetuned(source, views=views, epochs=2) for views in (1, 2))
    assert (one.iloc[0] == two.iloc[0]).all()
    assert one["train_loss"].iloc[1] != two["train_loss"].iloc[1]


def test_the_stored_activations_go_when_the_training_ends(source, monkeypatch):
    files = []

    def look(history):
        files.extend(path.name for path in source.activations.rglob("*.npy"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetuning.fit(
            classifier(), DESCRIPTION, with_defaults(), BLOCK, RATE, source, on_epoch=look
        )
    assert sorted(files) == ["0.npy", "validation.npy"]
    assert not source.activations.exists()


def test_a_constant_learning_rate_trains_otherwise(source):
    (_, falling), (_, constant) = (
        finetuned(source, epochs=2, schedule=name) for name in ("cosine", "constant")
    )
    assert (falling["train_loss"] != constant["train_loss"]).any()


def test_what_is_below_the_cut_stays_as_it_was(source):
    model, _ = finetuned(source)
    conv_base = model.get_layer("backbone")
    for layer, was in zip(conv_base.layers, classifier().get_layer("backbone").layers, strict=True):
        same = all(map(np.array_equal, layer.get_weights(), was.get_weights()))
        assert same != (layer.name.startswith(("block7a", "top")) and layer.trainable_weights != [])


@pytest.mark.parametrize("views", [1, 0])
def test_trains_on_the_chosen_pictures_only(source, views):
    """Of one class alone, it soon calls everything so."""
    of_one_class = replace(source, chosen=np.arange(12))
    model, _ = finetuned(of_one_class, views=views, epochs=6, patience=6)
    light = np.full((1, 64, 64, 3), 180, np.float32)
    assert np.asarray(model(light)).item() <= np.asarray(classifier()(light)).item()


def test_side_by_side_each_model_says_what_it_says_alone(source):
    before = classifier()
    after, _ = finetuned(source)
    lower, upper = cut.side_by_side([before, after], NAME, BLOCK)
    some = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.float32)
    alone = np.hstack([np.asarray(before(some)), np.asarray(after(some))])
    np.testing.assert_array_equal(np.asarray(upper(lower(some))), alone)


def test_models_that_differ_below_the_cut_are_not_put_side_by_side(source):
    after, _ = finetuned(source)
    with pytest.raises(ValueError, match="the models differ below top"):
        cut.side_by_side([classifier(), after], NAME, "top")
    with pytest.raises(ValueError, match="the models differ below the head"):
        cut.side_by_side([classifier(), after], NAME, None)


# --- from one block after another ---


class Run(SimpleNamespace):
    """A model that was unfrozen gradually, with what that gave."""


def unfrozen(source, rate=RATE, dropout=0.0, checkpoints=None, on_epoch=None, **changes):
    model = classifier(dropout)
    history, summary, lowest = finetuning.unfreeze_gradually(
        model,
        DESCRIPTION,
        with_defaults(**changes),
        rate,
        source,
        lambda block: checkpoints and Checkpoint(checkpoints / f"{block}.npz", ""),
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
            for epoch, loss in enumerate(losses[block]):
                if epoch:
                    model.get_layer("head").weights[-1].assign_add([1.0])
                measures = {"validation_loss": loss, "validation_accuracy": 1 - loss}
                progress.add({"train_loss": loss, "train_accuracy": 1 - loss} | measures)
                if epoch and on_epoch:
                    on_epoch(progress.history())
            return progress.finish()

        monkeypatch.setattr(finetuning, "fit", fit)

    return put


ALL_LOWER = {"top": [0.9, 0.8, 0.7], "block7a": [0.7, 0.6, 0.65], "block6d": [0.6, 0.65, 0.5]}


def bias(run):
    return run.model.get_layer("head").get_weights()[-1].item()


def test_the_next_block_is_tried_as_long_as_the_one_before_lowered_the_loss(
    source, trainings, capsys
):
    trainings(ALL_LOWER)
    run = unfrozen(source)
    assert list(run.summary["blocks"]) == LADDER
    assert run.lowest == "block6d"
    assert capsys.readouterr().out.splitlines() == [f"training from {block} on" for block in LADDER]


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
    assert same_weights(run.model, classifier())


def test_epochs_are_numbered_on_from_block_to_block(source, trainings):
    trainings(ALL_LOWER)
    seen = []
    run = unfrozen(source, on_epoch=seen.append)
    assert list(run.history["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert list(run.history["validation_loss"]) == [0.8, 0.7, 0.6, 0.65, 0.65, 0.5]
    assert (run.summary["epochs"], run.summary["best_epoch"]) == (6, 6)
    # Told after each epoch, with those before it.
    assert [list(history["epoch"]) for history in seen] == [
        list(range(1, last + 1)) for last in range(1, 7)
    ]
    assert seen[-1].equals(run.history)


def test_the_summary_has_that_of_each_block(source, trainings):
    trainings(ALL_LOWER)
    run = unfrozen(source)
    blocks = run.summary["blocks"]
    assert [blocks[name]["epochs"] for name in LADDER] == [2, 2, 2]
    assert [blocks[name]["best_epoch"] for name in LADDER] == [2, 1, 2]
    assert [blocks[name]["validation_loss"] for name in LADDER] == [0.7, 0.6, 0.5]
    assert [blocks[name]["validation_loss_before"] for name in LADDER] == [0.9, 0.7, 0.6]
    assert run.summary["validation_loss"] == 0.5
    assert bias(run) == 5  # 2 epochs, the first of the next 2, and 2 from there


# Enough epochs that the first block surely lowers the loss.
REAL = {"unfreeze_from": LADDER[1:], "epochs": 4, "patience": 4, "rate": 5e-4}


def test_the_model_ends_with_the_best_weights(source, subset):
    run = unfrozen(source, **REAL)
    assert list(run.summary["blocks"]) == LADDER[1:]
    best = run.history["validation_loss"].idxmin()
    assert run.summary["best_epoch"] == run.history["epoch"][best]
    validation = subset / "validation"
    examples = batches.from_pictures(validation, pictures.index(validation), DESCRIPTION, 12)
    measured = loop.calibrated_measures(run.model, examples)()
    assert measured["validation_accuracy"] == run.summary["validation_accuracy"]
    # float16 has three digits, and the temperature follows the last of them.
    assert measured["validation_loss"] == pytest.approx(run.summary["validation_loss"], rel=3e-3)


def test_the_loss_before_is_that_of_the_head_on_its_features(source, subset):
    run = unfrozen(source, epochs=0)
    validation = subset / "validation"
    examples = batches.from_pictures(validation, pictures.index(validation), DESCRIPTION, 12)
    measured = loop.calibrated_measures(classifier(), examples)()
    assert run.summary["validation_accuracy_before"] == measured["validation_accuracy"]
    # float32 sums in another order.
    before = run.summary["validation_loss_before"]
    assert before == pytest.approx(measured["validation_loss"], rel=1e-4)


@pytest.fixture(scope="module")
def whole(subset, features, tmp_path_factory):
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return unfrozen(source_of(subset, features, folder), dropout=0.5, **REAL)


@pytest.mark.parametrize("last", [2, 4, 6])
def test_interrupted_after_any_epoch_it_ends_with_the_same_weights(source, whole, tmp_path, last):
    """Within the first block, between the two, and within the second."""
    assert len(whole.history) == 8

    def interrupt(history):
        if len(history) == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unfrozen(source, dropout=0.5, checkpoints=tmp_path, on_epoch=interrupt, **REAL)
    seen = []
    resumed = unfrozen(source, dropout=0.5, checkpoints=tmp_path, on_epoch=seen.append, **REAL)
    assert [len(history) for history in seen] == list(range(last + 1, 9))
    assert same_weights(resumed.model, whole.model)
    assert resumed.history.equals(whole.history)
    assert (resumed.summary, resumed.lowest) == (whole.summary, whole.lowest)


def test_one_block_and_a_list_of_it_are_the_same(source):
    one, of_one = (
        unfrozen(source, **REAL | {"unfreeze_from": given}) for given in (BLOCK, [BLOCK])
    )
    assert same_weights(one.model, of_one.model)
    assert (one.summary, one.lowest) == (of_one.summary, of_one.lowest)
    assert one.lowest == BLOCK


def wrong_pictures(subset):
    """Count the validation pictures that the head gets wrong."""
    paths, labels = of_validation(subset)
    batch = pictures.load_batch(paths, 64).astype(np.float32)
    return int(((np.asarray(classifier()(batch))[:, 0] > 0.5) != labels).sum())


def test_a_head_that_gets_too_few_wrong_is_left_as_it_is(source, subset, capsys):
    wrong = wrong_pictures(subset)
    run = unfrozen(source, least_wrong=wrong + 1)
    assert capsys.readouterr().out == (
        f"not fine-tuned: the head gets {wrong} of 12 validation pictures wrong, too few to tell "
        f"what is better (finetune.least_wrong = {wrong + 1})\n"
    )
    assert same_weights(run.model, classifier())
    assert (run.summary["epochs"], run.summary["blocks"], run.lowest) == (0, {}, None)


def test_a_head_that_gets_just_enough_wrong_is_trained_on(source, subset, capsys):
    wrong = wrong_pictures(subset)
    run = unfrozen(source, least_wrong=wrong, unfreeze_from=BLOCK)
    assert run.summary["epochs"] == 1
    assert "not fine-tuned" not in capsys.readouterr().out


def test_without_epochs_the_model_stays_as_it_was(source, capsys):
    run = unfrozen(source, epochs=0)
    assert run.history.empty
    assert list(run.history) == [
        *("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    ]
    assert same_weights(run.model, classifier())
    assert run.summary["validation_loss"] == run.summary["validation_loss_before"]
    assert run.lowest is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (
            ["top", "block99"],
            r"finetune\.unfreeze_from = block99 is no block of efficientnet_lite0",
        ),
        (
            ["block7a", "block6d", "top"],
            r"finetune\.unfreeze_from = \[block7a, block6d, top\] does not go from the head down; "
            r"write \[top, block7a, block6d\]",
        ),
    ],
)
def test_blocks_that_make_no_ladder_are_refused_before_any_is_trained(source, capsys, blocks, said):
    with pytest.raises(UserError, match=said):
        unfrozen(source, unfreeze_from=blocks)
    assert capsys.readouterr().out == ""
