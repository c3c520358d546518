"""Fine-tuning from stored activations, and from the pictures."""

import keras
import numpy as np
import pytest
from PIL import Image

from tests.code import ROOT
from tests.vision.training.test_heads import settings
from vision import pictures
from vision.features import extraction, views
from vision.models import saving
from vision.models.engine import Engine
from vision.networks import cut
from vision.networks.extractor import build_extractor
from vision.params import BackboneSettings, load_params
from vision.training import finetuning
from vision.training.checkpoint import Checkpoint
from vision.training.heads import build_head

PARAMS = load_params(ROOT / "params.yaml")
NAME = "efficientnet_lite0"
BLOCK = "block7a"


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


def classifier():
    backbone = BackboneSettings(name=NAME, weights="imagenet", pooling="avg", image_size=64)
    extractor = build_extractor(backbone, ROOT)
    head = build_head(extractor.output.shape[1], 2, settings(), seed=0)
    return keras.Model(extractor.input, head(extractor.output))


def finetuned(subset, activations, tmp_path, chosen=None, **changes):
    model = classifier()
    defaults = {"unfreeze_from": BLOCK, "epochs": 1, "batch_size": 8}
    history, _ = finetuning.fit(
        model,
        saving.Description(["dark", "light"], 64, NAME),
        PARAMS.finetune.model_copy(update=defaults | changes),
        1e-3,
        finetuning.Source(subset, activations, PARAMS.augmentation, 5, chosen),
        Checkpoint(tmp_path / "unfinished.npz", ""),
    )
    return model, history


@pytest.fixture(scope="module")
def activations(subset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("activations")
    lower, _ = cut.split(classifier(), NAME, BLOCK)
    network = Engine(lower)
    train = subset / "train"
    views.write_views(
        network, train, 1, PARAMS.augmentation, 5, folder / "train", store_gb=0, dtype=np.float16
    )
    paths = [subset / "validation" / f for f in pictures.index(subset / "validation")["file"]]
    extraction.write(network, paths, folder / "validation.npy", dtype=np.float16)
    return folder


def test_an_epoch_from_stored_views_is_one_from_the_same_views_made_anew(
    subset, activations, tmp_path
):
    fresh, fresh_history = finetuned(subset, None, tmp_path / "fresh")
    stored, stored_history = finetuned(subset, activations, tmp_path / "stored")
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


def test_a_constant_learning_rate_trains_otherwise(subset, activations, tmp_path):
    (_, falling), (_, constant) = (
        finetuned(subset, activations, tmp_path / name, epochs=2, schedule=name)
        for name in ("cosine", "constant")
    )
    assert (falling["train_loss"] != constant["train_loss"]).any()


def test_what_is_below_the_cut_stays_as_it_was(subset, activations, tmp_path):
    model, _ = finetuned(subset, activations, tmp_path)
    conv_base = model.get_layer("backbone")
    for layer, was in zip(conv_base.layers, classifier().get_layer("backbone").layers, strict=True):
        same = all(map(np.array_equal, layer.get_weights(), was.get_weights()))
        assert same != (layer.name.startswith(("block7a", "top")) and layer.trainable_weights != [])


@pytest.mark.parametrize("stored", [True, False])
def test_trains_on_the_chosen_pictures_only(subset, activations, tmp_path, stored):
    """Of one class alone, it soon calls everything so."""
    model, _ = finetuned(
        subset,
        activations if stored else None,
        tmp_path,
        chosen=np.arange(12),
        epochs=6,
        patience=6,
    )
    light = np.full((1, 64, 64, 3), 180, np.float32)
    assert np.asarray(model(light)).item() <= np.asarray(classifier()(light)).item()


def test_without_epochs_the_model_stays_as_it_was(subset, activations, tmp_path):
    model, history = finetuned(subset, activations, tmp_path, epochs=0)
    assert history.empty
    assert list(history) == [
        *("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    ]
    assert all(map(np.array_equal, model.get_weights(), classifier().get_weights()))


def test_side_by_side_each_model_says_what_it_says_alone(subset, activations, tmp_path):
    before = classifier()
    after, _ = finetuned(subset, activations, tmp_path)
    lower, upper = cut.side_by_side([before, after], NAME, BLOCK)
    some = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.float32)
    alone = np.hstack([np.asarray(before(some)), np.asarray(after(some))])
    np.testing.assert_array_equal(np.asarray(upper(lower(some))), alone)


def test_models_that_differ_below_the_cut_are_not_put_side_by_side(subset, activations, tmp_path):
    after, _ = finetuned(subset, activations, tmp_path)
    with pytest.raises(ValueError, match="the models differ below top"):
        cut.side_by_side([classifier(), after], NAME, "top")
    with pytest.raises(ValueError, match="the models differ below the head"):
        cut.side_by_side([classifier(), after], NAME, None)
