"""A Python that can't run the project says so in one line."""

import ast
import os
import subprocess
import sys

import pytest

from tests.code import ROOT
from vision.runtime import interpreter

# What is read before the check, on whatever way to it.
FIRST = [
    *(
        f"{package}/__init__.py"
        for package in ("stages", "tools", "few", "vision", "baselines", "studies")
    ),
    "vision/runtime/__init__.py",
    "vision/runtime/interpreter.py",
]


@pytest.mark.parametrize(
    "module", ["stages.download", "baselines.train", "studies.nested", "tools.verify", "few"]
)
def test_a_python_without_the_packages_names_itself_and_what_to_do(module):
    done = subprocess.run(
        [sys.executable, "-S", "-m", module],  # without what is installed
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: this Python, {}.{}.".format(*sys.version_info))
    assert (
        f"in {sys.executable}, has no ai_edge_litert and no keras; run `make install`"
        in done.stderr
    )
    assert "`source .venv/bin/activate`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_python_that_is_too_old_is_told(monkeypatch):
    interpreter.check()  # this one is fit
    monkeypatch.setattr(sys, "version_info", (3, 8, 10, "final", 0))
    with pytest.raises(SystemExit, match=r"^error: this Python, 3\.8\.10 .* is older than 3\.11; "):
        interpreter.check()


def test_older_pythons_can_read_what_comes_before_the_check():
    for file in FIRST:
        ast.parse((ROOT / file).read_text(), feature_version=(3, 8))


def test_matplotlib_says_nothing_of_a_home_that_is_missing():
    program = "import vision, matplotlib; print(matplotlib.get_cachedir())"
    homeless = {
        name: value for name, value in os.environ.items() if name[:4] not in ("MPLC", "XDG_")
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=homeless | {"HOME": "/proc/nobody"},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert "nobody" not in done.stdout
