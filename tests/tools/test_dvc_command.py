"""How tools start dvc."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stages.guard import locks
from tests.code import ROOT
from tools.dvc_command import DVC, environment

PROGRAMS = str(Path(sys.executable).parent)


def test_it_starts_where_no_script_of_its_name_does(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = subprocess.run([*DVC, "version"], env=environment(), capture_output=True, text=True)
    assert done.stdout.startswith("DVC version: ")


def test_the_stages_python_is_this_one_though_no_environment_is_active(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    assert environment()["PATH"] == os.pathsep.join([PROGRAMS, "/usr/bin"])


def test_the_path_of_an_active_environment_stays_as_it_is(monkeypatch):
    path = os.pathsep.join(["/own", PROGRAMS, "/usr/bin"])
    monkeypatch.setenv("PATH", path)
    assert environment()["PATH"] == path


def test_another_python_before_it_is_not_the_stages(monkeypatch, tmp_path):
    another = tmp_path / "python"
    another.touch(0o755)
    path = os.pathsep.join([str(tmp_path), PROGRAMS])
    monkeypatch.setenv("PATH", path)
    assert environment()["PATH"] == os.pathsep.join([PROGRAMS, path])


def test_what_was_started_so_is_known_for_a_dvc():
    """By the locks that it holds, which no other program clears away then."""
    program = "import sys; sys.argv; print(flush=True); sys.stdin.read()"
    command = [DVC[0], "-c", program, *DVC[1:], "repro"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert locks.is_dvc(process.pid)
        process.stdin.close()


@pytest.mark.parametrize(
    "file",
    [file for folder in ("tools", "benchmarks") for file in sorted((ROOT / folder).rglob("*.py"))],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_no_tool_and_no_benchmark_starts_the_script(file):
    """Whether in a list or among the arguments of a function."""
    assert not re.search(r'[\[(]\s*"dvc",', file.read_text())
