"""Scaled decoding is measured as the pipeline does it."""

import numpy as np
import pytest
from PIL import Image

from benchmarks import decoding
from vision import pictures

SIZE = 224


@pytest.fixture
def photograph(tmp_path):
    """A JPEG file of 1,000 × 900 pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (90, 100, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels).resize((1000, 900)).save(path)
    return path


def test_at_least_at_twice_the_size_is_the_pipeline_s_own_way(photograph):
    assert np.array_equal(decoding.load(photograph, 2, SIZE), pictures.load(photograph, SIZE))
    assert not np.array_equal(
        decoding.load(photograph, 2, SIZE), decoding.load(photograph, None, SIZE)
    )


@pytest.mark.parametrize(("size", "scaled"), [(895, False), (896, True)])
def test_a_file_is_scaled_where_half_of_it_is_enough(tmp_path, size, scaled):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (2000, size)).save(path)
    assert not decoding.is_scaled(path, None, SIZE)
    assert decoding.is_scaled(path, 2, SIZE) == scaled
    assert decoding.is_scaled(path, 1, SIZE)
