"""What holds from a stage's first line on."""

import os
import subprocess
import sys

import pytest

from tests.code import ROOT

STAGES = sorted(f"stages.{path.stem}" for path in (ROOT / "stages").glob("[!_]*.py"))
TELL = "import os, keras; print(keras.backend.backend(), os.environ['TF_ENABLE_ONEDNN_OPTS'])"


@pytest.mark.parametrize("stage", [*STAGES, "baselines.train", "studies.finetune"])
def test_nothing_outside_the_repository_chooses_the_kernels(stage, tmp_path):
    """Nor does TensorFlow say anything when it starts."""
    users = {"KERAS_BACKEND": "jax", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_HOME": str(tmp_path)}
    started = subprocess.run(
        [sys.executable, "-c", f"import {stage}; {TELL}"],
        cwd=ROOT,
        env=os.environ | users,
        capture_output=True,
        text=True,
    )
    assert started.stdout == "tensorflow 1\n"
    assert started.stderr == ""
