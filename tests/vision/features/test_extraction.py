"""Extraction: every picture once, streamed, each row its picture's own."""

import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tests.code import imported_files
from vision.features import extraction, views
from vision.features.extraction import write
from vision.models.engine import Engine
from vision.networks.extractor import build_extractor
from vision.params import Augmentation, BackboneSettings

OFF = Augmentation(flip=False, rotation=0, zoom=0, shift=0, shear=0, contrast=0)
SETTINGS = BackboneSettings(
    name="efficientnet_lite0",
    weights="imagenet",
    preprocessing="published",
    pooling="avg",
    image_size=64,
)


@pytest.fixture(scope="module")
def network():
    return build_extractor(SETTINGS, Path())


@pytest.fixture(scope="module")
def extractor(network):
    return Engine(network)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(70):
        pixels = rng.integers(0, 256, (48, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return [folder / f"{number}.png" for number in range(70)]


def extract(extractor, paths, tmp_path):
    write(extractor, paths, tmp_path / "features.npy")
    return np.array(np.load(tmp_path / "features.npy", mmap_mode="r"))


def test_writes_one_row_a_picture_that_is_the_same_in_any_company(extractor, paths, tmp_path):
    rows = extract(extractor, paths, tmp_path)
    assert (rows.dtype, rows.shape) == (np.float32, (70, 1280))
    backwards = extract(extractor, paths[::-1], tmp_path)
    np.testing.assert_array_equal(backwards, rows[::-1])
    np.testing.assert_array_equal(extract(extractor, [paths[33]], tmp_path)[0], rows[33])


def test_rows_are_what_keras_makes_of_the_decoded_pictures(extractor, network, paths, tmp_path):
    pictures = np.stack([np.asarray(Image.open(p).resize((64, 64), 2)) for p in paths[:3]])
    expected = np.asarray(network(pictures.astype(np.float32)))
    # float32 sums in another order.
    np.testing.assert_allclose(extract(extractor, paths[:3], tmp_path), expected, atol=1e-4)


def test_pictures_are_changed_before_they_go_through_the_network(extractor, paths, tmp_path):
    mirrored = tmp_path / "mirrored.png"
    with Image.open(paths[40]) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored)
    named = extraction.NamedChange(lambda batch, _: batch[:, :, ::-1], str, ())
    write(extractor, paths, tmp_path / "changed.npy", named=named)
    rows = np.load(tmp_path / "changed.npy")
    # Resizing weighs the same neighbours from the other side.
    np.testing.assert_allclose(rows[40], extract(extractor, [mirrored], tmp_path)[0], atol=0.05)


def test_memory_does_not_grow_with_the_number_of_pictures(paths, tmp_path):
    """Python's own memory, numpy's arrays included; TensorFlow's has the size of a batch."""
    inputs = keras.Input((64, 64, 3))
    wide = Engine(keras.Model(inputs, keras.layers.Flatten()(inputs)))

    def peak(count):
        tracemalloc.start()
        write(wide, (paths * 40)[:count], tmp_path / "wide.npy")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # the first call compiles
    # 1,000 pictures more would be 49 MB more, were they kept.
    assert peak(1_300) < peak(300) + 10e6


# --- the store ---


@pytest.fixture
def counted(extractor, tmp_path, monkeypatch):
    """Counts the pictures that go through the network; the store is a new one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    class Counted(Engine):
        def __init__(self):
            self.__dict__.update(extractor.__dict__)
            self.pictures = 0

        def __call__(self, pictures):
            self.pictures += len(pictures)
            return super().__call__(pictures)

    return Counted()


def stored(network, paths, to, named=None, dtype=np.float32, gb=1):
    """Write features with the store; give their bytes, and how many pictures were run."""
    network.pictures = 0
    write(network, paths, to, gb, named, dtype)
    return to.read_bytes(), network.pictures


def test_only_new_pictures_are_run(counted, paths, tmp_path):
    to = tmp_path / "stored.npy"
    assert stored(counted, paths[:50], to)[1] == 50
    mixed = [*paths[60:], *paths[:60][::-1]]  # the last are new, and the order is another one
    content, run_now = stored(counted, mixed, to)
    assert run_now == 20
    write(counted, mixed, tmp_path / "scratch.npy")
    assert content == (tmp_path / "scratch.npy").read_bytes()


def test_each_change_and_each_precision_of_it_has_rows_of_its_own(counted, paths, tmp_path):
    to = tmp_path / "stored.npy"
    for name in ("mirror", "another"):
        named = extraction.NamedChange(lambda batch, _: batch[:, :, ::-1], lambda _, n=name: n, ())
        for dtype in (np.float32, np.float16):
            content, run_now = stored(counted, paths[:3], to, named, dtype)
            assert run_now == 3
            assert stored(counted, paths[:3], to, named, dtype) == (content, 0)


def test_pictures_as_they_are_have_the_same_rows_for_any_precision(counted, paths, tmp_path):
    half = tmp_path / "half.npy"
    write(counted, paths[:3], half, 1, dtype=np.float16)
    whole, run_now = stored(counted, paths[:3], tmp_path / "whole.npy")
    assert run_now == 0
    write(counted, paths[:3], tmp_path / "scratch.npy")
    assert whole == (tmp_path / "scratch.npy").read_bytes()
    np.testing.assert_array_equal(
        np.load(half), np.load(tmp_path / "whole.npy").astype(np.float16), strict=True
    )


def test_without_a_store_nothing_is_kept_nor_read_twice(counted, paths, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", None)  # of a picture, to find its row
    write(counted, paths[:3], tmp_path / "one.npy")
    assert not (tmp_path / "cache").exists()


# Of what `extraction` imports, these make no row other than it was: what holds a network, which is
# known by its content, what moves rows about, and what shortens the names of files.
NO_ROW_DEPENDS_ON = {
    *("__init__", "features/__init__", "features/store", "models/__init__", "models/engine"),
    *("runtime/__init__", "runtime/disk", "runtime/environment", "runtime/errors", "runtime/files"),
    *("runtime/fingerprint", "runtime/interpreter", "runtime/prefetch", "runtime/stderr"),
    "runtime/text",
}


def test_rows_are_told_apart_by_all_the_code_that_makes_them():
    """A new module must be told to the store, or be one that no row depends on."""
    of_rows = files_of(extraction._CODE)
    assert imported_files(Path("vision/features/extraction.py")) == of_rows | {
        Path(f"vision/{name}.py") for name in NO_ROW_DEPENDS_ON
    }


def test_views_are_told_apart_by_all_the_code_that_makes_them(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(extraction, "write", lambda *given: told.append(files_of(given[4].code)))
    (tmp_path / "cat").mkdir()
    views.write_views(None, tmp_path, [], 1, OFF, 0, tmp_path, 0)
    both = imported_files(Path("vision/features/views.py"))
    without = imported_files(Path("vision/features/extraction.py"))
    without |= imported_files(Path("vision/params.py"))
    assert told == [both - without]


def files_of(modules):
    return {Path(*name.split(".")).with_suffix(".py") for name in modules}


def test_a_store_too_small_for_all_gives_what_it_has_and_runs_the_others_once(
    counted, paths, tmp_path, monkeypatch
):
    to = tmp_path / "stored.npy"
    write(counted, paths, tmp_path / "scratch.npy")
    batches = []
    load_batch = extraction.pictures.load_batch
    monkeypatch.setattr(
        extraction.pictures,
        "load_batch",
        lambda p, size: batches.append(len(p)) or load_batch(p, size),
    )
    for _ in range(2):
        batches.clear()
        content, run_now = stored(counted, paths, to, gb=200e-6)  # 5 kB a row, and the database
        assert content == (tmp_path / "scratch.npy").read_bytes()
    assert 32 < run_now < len(paths)
    assert sorted(batches) == sorted([32, run_now - 32])
