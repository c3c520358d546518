"""What holds from a stage's first line on."""

import os
import subprocess
import sys

import pytest

from tests.code import ROOT

STAGES = sorted(f"stages.{path.stem}" for path in (ROOT / "stages").glob("[!_]*.py"))
OTHERS = ["baselines.train", "studies.finetune"]
TELL = "import os, keras; print(keras.backend.backend(), os.environ['TF_ENABLE_ONEDNN_OPTS'])"
# In the place of Keras and TensorFlow, which read these when they are imported.
TELLS = """
import os, sys
print(os.environ["KERAS_BACKEND"], os.environ["TF_ENABLE_ONEDNN_OPTS"])
sys.exit()
"""


@pytest.fixture
def users(tmp_path):
    """What a user may have set."""
    return {"KERAS_BACKEND": "jax", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_HOME": str(tmp_path)}


def start(program, environment):
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("stage", [*STAGES, *OTHERS])
def test_nothing_outside_the_repository_chooses_the_kernels(stage, users, tmp_path):
    """When the first of Keras and TensorFlow is imported, it is settled."""
    for name in ("keras", "tensorflow"):
        (tmp_path / f"{name}.py").write_text(TELLS)
    started = start(f"import {stage}; import keras", users | {"PYTHONPATH": str(tmp_path)})
    assert started.stdout == "tensorflow 1\n"
    assert started.stderr == ""


@pytest.mark.parametrize("stage", ["stages.evaluate", *OTHERS])  # one of each package
def test_tensorflow_starts_with_these_kernels_and_says_nothing(stage, users):
    started = start(f"import {stage}; {TELL}", users)
    assert started.stdout == "tensorflow 1\n"
    assert started.stderr == ""
