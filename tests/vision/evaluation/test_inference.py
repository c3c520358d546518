"""What models say of pictures."""

import keras
import numpy as np
import pytest
from PIL import Image

from tests.code import ROOT
from tests.vision.training.test_heads import settings
from vision import pictures
from vision.evaluation import inference
from vision.evaluation.inference import SideBySide
from vision.features import extraction
from vision.models.engine import Engine
from vision.networks import cut
from vision.networks.extractor import build_extractor
from vision.params import BackboneSettings
from vision.training.heads import build_head

pytestmark = pytest.mark.usefixtures("looked_at")

NAME = "efficientnet_lite0"
BLOCK = "block7a"
BACKBONE = BackboneSettings(
    name=NAME, weights="imagenet", preprocessing="published", pooling="avg", image_size=64
)
GB = 1


def classifier(seed: int, classes: int = 2, name: str = NAME) -> keras.Model:
    extractor = build_extractor(BACKBONE.model_copy(update={"name": name}), ROOT)
    head = build_head(extractor.output.shape[1], classes, settings(), seed)
    return keras.Model(extractor.input, head(extractor.output))


@pytest.fixture(scope="module")
def models():
    return [classifier(seed, classes=3) for seed in (0, 1)]


@pytest.fixture
def paths(tmp_path):
    """Pictures, the second one the mirror image of the first."""
    rng = np.random.default_rng(0)
    some = rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    some[1] = some[0, :, ::-1]
    for number, pixels in enumerate(some):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return [tmp_path / f"{number}.png" for number in range(3)]


@pytest.fixture(scope="module")
def judges(models):
    return SideBySide(models, NAME, BLOCK)


def test_each_model_says_what_it_says_alone(models, judges, paths):
    said = judges.probabilities(paths, False, "test")
    assert said.shape == (2, 3, 3)
    some = np.stack([pictures.load(path, 64) for path in paths])
    for model, of_model in zip(models, said, strict=True):
        # float32 sums in another order.
        np.testing.assert_allclose(of_model, Engine(model)(some), atol=1e-5)


def test_models_that_differ_in_their_heads_alone_need_what_was_extracted_and_no_more(
    models, judges, paths, looked_at, tmp_path
):
    extractor = Engine(build_extractor(BACKBONE, ROOT))
    extraction.write(extractor, paths, tmp_path / "features.npy", GB)
    looked_at.clear()
    said = SideBySide(models, NAME, None).probabilities(paths, False, "test", GB)
    assert looked_at == []
    # float32 sums in another order.
    np.testing.assert_allclose(said, judges.probabilities(paths, False, "test"), atol=1e-5)


@pytest.mark.parametrize("name", [NAME, "efficientnet_lite0+efficientnet_lite1"])
def test_one_model_of_one_or_several_networks_says_what_it_says_alone(paths, name):
    """Of two classes, its single sigmoid gives the probability of the second."""
    model = classifier(0, name=name)
    (said,) = SideBySide([model], name, BLOCK).probabilities(paths, False, "test")
    some = np.stack([pictures.load(path, 64) for path in paths])
    np.testing.assert_allclose(said[:, 1], Engine(model)(some)[:, 0], atol=1e-5)
    np.testing.assert_allclose(said[:, 0], 1 - said[:, 1])


def test_a_picture_and_its_mirror_image_are_told_alike_where_both_are_averaged(judges, paths):
    alone = judges.probabilities(paths, False, "test")
    averaged = judges.probabilities(paths, True, "test")
    np.testing.assert_array_equal(averaged[:, 0], averaged[:, 1])
    np.testing.assert_array_equal(averaged[:, 0], alone[:, :2].mean(axis=1))


@pytest.fixture(scope="module")
def others():
    """They differ from the judges' above the cut."""
    return SideBySide([classifier(seed, classes=3) for seed in (2, 3)], NAME, BLOCK)


@pytest.mark.parametrize("mirror", [False, True])
def test_pictures_seen_before_are_not_decoded_again_whatever_changed_above_the_cut(
    judges, others, paths, looked_at, mirror
):
    fresh = judges.probabilities(paths, mirror, "test")
    first = judges.probabilities(paths, mirror, "test", GB)
    looked_at.clear()
    again = judges.probabilities(paths, mirror, "test", GB)
    np.testing.assert_array_equal([first, again], [fresh, fresh])
    said = others.probabilities(paths, mirror, "test", GB)
    assert looked_at == []
    np.testing.assert_array_equal(said, others.probabilities(paths, mirror, "test"))


def test_pictures_that_fine_tuning_has_run_are_not_decoded_again(paths, looked_at, tmp_path):
    extractor = build_extractor(BACKBONE, ROOT)
    lower, _ = cut.split(extractor, NAME, BLOCK)
    to = tmp_path / "validation.npy"
    extraction.write(Engine(lower), paths, to, GB, dtype=np.float16)
    head = build_head(extractor.output.shape[1], 2, settings(), 0)
    keras.Model(extractor.input, head(extractor.output)).save(tmp_path / "model.keras")
    judge = SideBySide([keras.models.load_model(tmp_path / "model.keras")], NAME, BLOCK)
    looked_at.clear()
    said = judge.probabilities(paths, False, "test", GB)
    assert looked_at == []
    np.testing.assert_array_equal(said, judge.probabilities(paths, False, "test"))


@pytest.mark.parametrize(("mirror", "kept"), [(False, True), (True, False)])
def test_what_would_take_too_much_of_the_store_is_not_kept(
    models, judges, paths, looked_at, monkeypatch, mirror, kept
):
    lower, _ = cut.split(models[0], NAME, BLOCK)
    of_one_pass = len(paths) * lower.output.shape[1] * 4 / 1e9
    monkeypatch.setattr(inference, "_SHARE", of_one_pass / GB)
    judges.probabilities(paths, mirror, "test", GB)
    looked_at.clear()
    judges.probabilities(paths, mirror, "test", GB)
    assert bool(looked_at) != kept
