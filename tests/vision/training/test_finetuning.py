"""Fine-tuning where it pays: of a whole base, or of one of its networks beside the others."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.code import ROOT
from tests.vision.training.dark_and_light import (
    BACKBONE,
    DESCRIPTION,
    RATE,
    classifier,
    of_validation,
    same_weights,
    source_of,
    untrained,
    with_defaults,
)
from tests.vision.training.test_heads import settings as head_settings
from vision import pictures
from vision.features import extraction
from vision.models import saving
from vision.models.engine import Engine
from vision.networks.cut import side_by_side
from vision.networks.extractor import build_extractor
from vision.runtime.errors import UserError
from vision.runtime.files import write_csv
from vision.training import finetuning, heads, stacking
from vision.training.stored_features import Stored

FAMILY = "efficientnet_lite0+efficientnet_lite1"
# So few steps that a network with a head of its own has something left to learn.
HEAD = head_settings(optimizer="lbfgs", l2=0.01, epochs=1, patience=1)


class Run(SimpleNamespace):
    """A model that was fine-tuned, or not, with what that gave."""


def finetuned(source, model, description=DESCRIPTION, head=HEAD, **changes):
    model, description, history, summary = finetuning.finetune(
        model, description, with_defaults(**changes), [RATE], source, head
    )
    return Run(model=model, description=description, history=history, summary=summary)


# --- whether to ---


def wrong_pictures(subset):
    """Count the validation pictures that the head gets wrong."""
    paths, labels = of_validation(subset)
    batch = pictures.load_batch(paths, 64).astype(np.float32)
    return int(((np.asarray(untrained()(batch))[:, 0] > 0.5) != labels).sum())


def test_a_head_that_gets_too_few_wrong_is_left_as_it_is(source, subset, capsys):
    wrong = wrong_pictures(subset)
    run = finetuned(source, classifier(), least_wrong=wrong + 1)
    assert capsys.readouterr().out == (
        f"not fine-tuned: the head gets {wrong} of 12 validation pictures wrong, too few to tell "
        f"what is better (finetune.least_wrong = {wrong + 1})\n"
    )
    assert same_weights(run.model, untrained())
    assert (run.summary["epochs"], run.summary["blocks"]) == (0, {})
    assert run.description.trained_from is None
    one = finetuned(source, classifier(), least_wrong=wrong, unfreeze_from=["top"])
    assert one.summary["epochs"] == 1


def test_without_epochs_the_model_stays_as_it_was(source, capsys):
    run = finetuned(source, classifier(), epochs=0)
    assert run.history.empty
    assert list(run.history) == [
        *("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    ]
    assert same_weights(run.model, untrained())
    assert run.summary["validation_loss"] == run.summary["validation_loss_before"]
    assert run.description.trained_from is None
    assert capsys.readouterr().out == ""


def test_blocks_that_make_no_ladder_are_refused_before_any_is_trained(source, capsys):
    for blocks, said in (
        (["top", "block99"], "block99 is no block of efficientnet_lite0"),
        (["block7a", "top"], r"\[block7a, top\] does not go .* down; write \[top, block7a\]"),
    ):
        with pytest.raises(UserError, match=rf"finetune\.unfreeze_from = {said}"):
            finetuned(source, classifier(), unfreeze_from=blocks)
    assert capsys.readouterr().out == ""


# --- one network of several ---


@pytest.fixture(scope="module")
def several(subset, tmp_path_factory):
    """Two networks, one on smaller pictures, with a head on the features of both."""
    folder = tmp_path_factory.mktemp("several")
    changes = {"name": FAMILY, "image_size": [32, 64], "pooling": "levels"}
    extractor = build_extractor(BACKBONE.model_copy(update=changes), ROOT)
    for split in ("train", "validation"):
        index = pictures.index(subset / split)
        paths = [subset / split / file for file in index["file"]]
        extraction.write(Engine(extractor), paths, folder / f"{split}.npy")
        write_csv(index, folder / f"{split}.csv")
    source = replace(source_of(subset, folder, folder), stored=Stored(folder))

    model, description, *_ = heads.fit(extractor, FAMILY, source.stored, HEAD, 0)
    saving.save(model, description, folder / "head.keras")
    return Run(source=source, head=folder / "head.keras")


def one_of_several(several, block="efficientnet_lite0/block6d", **changes):
    model, description = saving.load(several.head)
    given = {"unfreeze_from": [block], "epochs": 3, "patience": 3}
    return finetuned(several.source, model, description, **given | changes)


def probabilities_of(model, subset):
    paths, labels = of_validation(subset)
    return np.asarray(model(pictures.load_batch(paths, 64).astype(np.float32)))[:, 0], labels


@pytest.fixture(scope="module")
def trained(several):
    return one_of_several(several)


def test_one_network_is_trained_and_stands_beside_the_others(several, trained, subset):
    assert trained.summary["best_epoch"] > 0
    assert trained.description.trained_from == "efficientnet_lite0/block6d"
    assert trained.description.backbone == FAMILY
    stacked = trained.summary["stacked"]
    assert set(stacked["weights"]) == {"efficientnet_lite0", "others"}
    assert stacked["validation_loss"] == trained.summary["validation_loss"]
    assert list(trained.summary["blocks"]) == ["block6d"]
    bases = [model.get_layer("backbone") for model in (trained.model, saving.load(several.head)[0])]
    for network, same in (("efficientnet_lite0", False), ("efficientnet_lite1", True)):
        assert same_weights(*(base.get_layer(network) for base in bases)) == same
    # What the summary says of the validation pictures, the model does to them.
    probabilities, labels = probabilities_of(trained.model, subset)
    own = np.where(labels == 1, probabilities, 1 - probabilities)
    assert -np.log(own).mean() == pytest.approx(trained.summary["validation_loss"], rel=0.02)
    assert trained.summary["validation_loss"] < trained.summary["validation_loss_before"]


def test_what_both_have_below_the_block_runs_once_for_both(several, trained, subset):
    models = [saving.load(several.head)[0], trained.model]
    below, above = side_by_side(models, FAMILY, trained.description.trained_from)
    batch = pictures.load_batch(of_validation(subset)[0], 64).astype(np.float32)
    of_both = np.asarray(above(below(batch)))
    for column, model in enumerate(models):
        expected, _ = probabilities_of(model, subset)
        np.testing.assert_allclose(of_both[:, column], expected, atol=1e-4)


def test_its_checkpoints_are_of_the_network_the_block_and_the_rate(several):
    """So that a run that is stopped goes on where it was."""
    asked = []
    model, description = saving.load(several.head)
    chosen = with_defaults(unfreeze_from=["efficientnet_lite0/top"])
    finetuning.finetune(
        model, description, chosen, [RATE], several.source, HEAD, lambda name: asked.append(name)
    )
    assert asked == ["efficientnet_lite0-top-0.001"]


@pytest.mark.parametrize("worse_than", ["the model as it was", "its own head beside the others"])
def test_where_it_is_no_better_the_model_stays_as_it_was(several, monkeypatch, capsys, worse_than):
    """The second would be better by what two heads are beside each other, not by training."""
    of_each = iter([0.0, 1e-9] if "own" in worse_than else [9.0, 9.0])
    measures = ("validation_loss", "validation_accuracy")
    monkeypatch.setattr(stacking, "measure", lambda *_: dict.fromkeys(measures, next(of_each)))
    run = one_of_several(several)
    assert "; it stays as it was" in capsys.readouterr().out
    assert same_weights(run.model, saving.load(several.head)[0])
    assert run.description.trained_from is None
    assert run.summary["best_epoch"] == 0
    assert run.summary["validation_loss"] == run.summary["validation_loss_before"]


def test_a_block_of_no_network_is_refused(several):
    with pytest.raises(UserError, match="vgg16/block5 is of no network of"):
        one_of_several(several, block="vgg16/block5")


def test_heads_with_hidden_units_stand_beside_each_other_as_well(several, subset):
    head = HEAD.model_copy(update={"hidden_units": 4, "epochs": 3, "patience": 3})
    run = one_of_several(several, head=head)
    assert run.summary["best_epoch"] > 0
    probabilities, labels = probabilities_of(run.model, subset)
    own = np.where(labels == 1, probabilities, 1 - probabilities)
    assert -np.log(own).mean() == pytest.approx(run.summary["validation_loss"], rel=0.02)
