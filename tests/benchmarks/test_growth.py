"""Memory is what the command and those below it allocate, and nothing else."""

import sys

import numpy as np
import pytest

from benchmarks.growth import watched

SIZE = 200  # MB; Python itself takes less than 20
HOLD = f"held = bytearray({SIZE}_000_000); import time; time.sleep(0.5)"
BELOW = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"
MAP = """
import time, numpy as np
np.load("mapped.npy", mmap_mode="r").sum()
time.sleep(0.5)
"""


def peak(folder, program):
    seconds, megabytes = watched([sys.executable, "-c", program], folder)
    assert 0 < seconds < 60
    return megabytes


@pytest.mark.parametrize("program", [HOLD, BELOW], ids=["its own", "below it"])
def test_what_is_allocated_counts(tmp_path, program):
    assert SIZE < peak(tmp_path, program) < SIZE + 50


def test_a_large_starting_process_counts_not(tmp_path):
    held = bytearray(b"x") * (SIZE * 1_000_000)
    assert peak(tmp_path, "import time; time.sleep(0.5)") < 50
    assert held


def test_pages_of_mapped_files_count_not(tmp_path):
    np.save(tmp_path / "mapped.npy", np.ones(SIZE * 1_000_000 // 8))
    assert peak(tmp_path, MAP) < SIZE / 2  # numpy's own, and its threads'


def test_a_failing_command_ends_the_benchmark(tmp_path):
    with pytest.raises(SystemExit, match="failed"):
        watched([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
