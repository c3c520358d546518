"""What holds from a stage's first line on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.code import ROOT, imported_files
from tools.experiment import set_params

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


def test_tensorflow_starts_with_these_kernels_and_says_nothing(users):
    started = start(f"import stages.evaluate; {TELL}", users)
    assert started.stdout == "tensorflow 1\n"
    assert started.stderr == ""


WITHOUT_TENSORFLOW = ("download", "subset", "audit", "calibrate")
IMPORT = re.compile(r"^\s*(import|from) (keras|tensorflow)\b", re.MULTILINE)
SAY = "; import sys; print({'keras', 'tensorflow'} & set(sys.modules))"


@pytest.mark.parametrize("stage", WITHOUT_TENSORFLOW)
def test_what_needs_no_tensorflow_does_not_import_it(stage):
    """Neither at its start nor, whatever it does, later."""
    assert start(f"import stages.{stage}{SAY}", {}).stdout == "set()\n"
    for file in imported_files(Path(f"stages/{stage}.py")):
        assert not IMPORT.search((ROOT / file).read_text())


def test_what_needs_tensorflow_for_views_runs_without_where_there_are_none(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    set_params(tmp_path / "params.yaml", {"extract.views": 0})
    program = f"import os, stages.extract_views as it; os.chdir({str(tmp_path)!r}); it.main(){SAY}"
    assert start(program, {}).stdout == "set()\n"
    # Of an empty folder, DVC would warn.
    assert [file.name for file in (tmp_path / "data/views").iterdir()] == ["views.json"]


STARTS = """
import os, subprocess
os.environ["DVC_STAGE"] = "download"
started = []
subprocess.Popen = lambda command, env, **_: started.append((command, env))
import stages
[(command, environment)] = started
print(command[1:3], "DVC_STAGE" in environment)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the guard is there on Linux only")
def test_the_guard_of_the_locks_starts_no_other_guard():
    """It is a module of the stages', and would take itself for one of them."""
    assert start(STARTS, {}).stdout == "['-m', 'stages.guard'] False\n"
