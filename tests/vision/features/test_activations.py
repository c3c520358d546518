"""What enters the blocks that are trained: how long it is stored, and the disk that it takes."""

from contextlib import nullcontext
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from tests.code import ROOT
from vision.features import activations, extraction, views
from vision.models.engine import Engine
from vision.params import load_params
from vision.runtime.errors import UserError

pytestmark = pytest.mark.usefixtures("looked_at")

AUGMENTATION = load_params(ROOT / "params.yaml").augmentation
SEED = 5
GB = 1


# --- stored while a block is trained ---


@pytest.fixture(scope="module")
def frozen():
    """A network from pictures of 16 px to two maps of 8 × 8."""
    pictures = keras.Input((16, 16, 3))
    maps = layers.Conv2D(2, 3, 2, "same", kernel_initializer=keras.initializers.GlorotUniform(0))
    return Engine(keras.Model(pictures, layers.Flatten()(maps(pictures))))


@pytest.fixture(scope="module")
def subset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subset")
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("validation", 3)):
        (folder / split).mkdir()
        for number in range(count):
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / split / f"{number}.png")
    return folder


@pytest.fixture
def stored(frozen, subset, tmp_path):
    """Stores the activations in the folder `activations`, as a context."""

    def store(count=2, store_gb=0):
        return activations.stored(
            frozen,
            (subset / "train", [path.name for path in sorted((subset / "train").iterdir())]),
            sorted((subset / "validation").iterdir()),
            count,
            AUGMENTATION,
            SEED,
            tmp_path / "activations",
            store_gb,
        )

    return store


def test_there_is_an_array_of_each_view_in_order_and_one_of_the_validation_pictures(
    stored, frozen, subset, tmp_path
):
    files = [path.name for path in sorted((subset / "train").iterdir())]
    given = (frozen, subset / "train", files, 11, AUGMENTATION, SEED)
    views.write_views(*given, tmp_path / "views", 0, np.float16)
    paths = sorted((subset / "validation").iterdir())
    extraction.write(frozen, paths, tmp_path / "plain.npy", dtype=np.float16)
    with stored(count=11) as (of_train, of_validation):
        assert len(of_train) == 11
        for number, rows in enumerate(of_train):
            assert (rows.dtype, rows.shape) == (np.float16, (4, 128))
            np.testing.assert_array_equal(rows, np.load(tmp_path / f"views/{number}.npy"))
        np.testing.assert_array_equal(of_validation, np.load(tmp_path / "plain.npy"))
        assert all(isinstance(rows, np.memmap) for rows in (*of_train, of_validation))


@pytest.mark.parametrize("error", [None, UserError, KeyboardInterrupt])
def test_they_are_gone_when_the_training_is_over_fails_or_is_interrupted(stored, tmp_path, error):
    with pytest.raises(error) if error else nullcontext(), stored():
        assert (tmp_path / "activations").exists()
        if error:
            raise error("diverged")
    assert not (tmp_path / "activations").exists()


def test_what_a_killed_run_left_goes_first(stored, tmp_path):
    left = tmp_path / "activations/train"
    left.mkdir(parents=True)
    np.save(left / "7.npy", np.zeros((4, 9), np.float16))
    (left / ".3.npy.partial.npy").write_bytes(b"half of")
    with stored() as (of_train, _):
        assert sorted(path.name for path in left.iterdir()) == ["0.npy", "1.npy"]
        assert [rows.shape for rows in of_train] == [(4, 128)] * 2


def test_pictures_and_views_seen_before_are_not_decoded_again(stored, looked_at):
    with stored(count=1, store_gb=GB) as (of_train, of_validation):
        before = [np.array(rows) for rows in (*of_train, of_validation)]
    looked_at.clear()
    with stored(count=1, store_gb=GB) as (of_train, of_validation):
        assert looked_at == []
        after = [np.array(rows) for rows in (*of_train, of_validation)]
    with stored(count=2, store_gb=GB) as (of_train, _):
        assert len(looked_at) == 4  # for the second view
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])


# --- the disk ---


@pytest.fixture
def free(monkeypatch):
    """Says how many GB of the disk are free."""

    def say(gigabytes):
        usage = SimpleNamespace(free=gigabytes * 1e9)
        monkeypatch.setattr(activations.shutil, "disk_usage", lambda path: usage)

    return say


def check(views):
    """Of eight training pictures and four to validate, each picture's take a tenth of a GB."""
    activations.check_disk(".", 100_000_000, 8, views, 4)


def test_more_than_is_free_is_refused_with_what_would_fit(free):
    free(2.5)
    with pytest.raises(UserError) as refused:
        check(views=4)
    assert str(refused.value) == (
        "the activations would take 3.6 GB of disk while fine-tuning runs, and 2.5 GB are free; "
        "free some, or set finetune.views = 4 to 2, or finetune.unfreeze_from to higher blocks"
    )
    for gigabytes in (0.3, 0.5):  # not even the validation pictures' fit, or just these
        free(gigabytes)
        with pytest.raises(UserError, match=r"finetune\.views = 1 to 0, or "):
            check(views=1)


def test_where_there_is_too_little_room_nothing_is_run_and_nothing_left(
    stored, free, looked_at, tmp_path
):
    free(1e-9)
    with pytest.raises(UserError, match="the activations would take"), stored():
        raise AssertionError
    assert looked_at == []
    assert not (tmp_path / "activations").exists()
