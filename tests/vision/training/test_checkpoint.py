"""States of unfinished work."""

import numpy as np
import pytest

from vision.runtime.disk import replacing_file
from vision.training.checkpoint import Checkpoint

CONTENT = [{"epoch": 0, "loss": 0.1}, {"epoch": 1, "loss": 1 / 3}]
# More than ten, which keep their order.
ARRAYS = {"now": [np.float32(n) for n in range(25)], "best": [np.eye(2), np.zeros((0, 4))]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "models" / "state.npz"


def test_what_was_saved_is_loaded(path):
    checkpoint = Checkpoint(path, "this")
    checkpoint.save("replaced", {})
    checkpoint.save(CONTENT, ARRAYS)
    content, arrays = checkpoint.load()
    assert content == CONTENT
    assert list(arrays) == list(ARRAYS)
    for name, group in ARRAYS.items():
        for array, expected in zip(arrays[name], group, strict=True):
            np.testing.assert_array_equal(array, expected, strict=True)
    assert [file.name for file in path.parent.iterdir()] == ["state.npz"]


def test_a_state_of_other_work_is_passed_over(path):
    assert Checkpoint(path, "this").load() is None
    Checkpoint(path, "other").save(CONTENT, ARRAYS)
    assert Checkpoint(path, "this").load() is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_state_is_passed_over(path, damage):
    checkpoint = Checkpoint(path, "this")
    checkpoint.save(CONTENT, {"now": [np.arange(1000)]})
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(np.arange(400, 410).tobytes())] ^= 1
    damaged = {"cut": whole[:-100], "flipped": bytes(flipped), "empty": b"", "text": b"state"}
    path.write_bytes(damaged[damage])
    assert checkpoint.load() is None


def test_what_a_killed_save_left_is_passed_over_and_removed(path):
    checkpoint = Checkpoint(path, "this")
    checkpoint.save(CONTENT, ARRAYS)
    whole = path.read_bytes()
    with replacing_file(path) as unfinished:
        unfinished.write_bytes(whole)
    unfinished.write_bytes(whole[:100])
    assert checkpoint.load()[0] == CONTENT
    checkpoint.save(CONTENT, ARRAYS)
    assert list(path.parent.iterdir()) == [path]
    checkpoint.remove()
    assert list(path.parent.iterdir()) == []
    checkpoint.remove()
