"""How tools start dvc."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stages.guard import locks
from tests.code import ROOT
from tools import dvc_command
from tools.dvc_command import DVC, environment

PROGRAMS = str(Path(sys.executable).parent)


def test_it_starts_where_no_script_of_its_name_does(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = subprocess.run([*DVC, "version"], env=environment(), capture_output=True, text=True)
    assert done.stdout.startswith("DVC version: ")


@pytest.mark.parametrize(
    ("before", "added"),
    [
        (["/usr/bin"], [PROGRAMS]),
        (["/own", PROGRAMS, "/usr/bin"], []),
        (["ANOTHER", PROGRAMS], [PROGRAMS]),
    ],
    ids=["no environment is active", "one is active", "another python is before it"],
)
def test_the_stages_python_is_this_one(monkeypatch, tmp_path, before, added):
    (tmp_path / "python").touch(0o755)
    before = [str(tmp_path) if folder == "ANOTHER" else folder for folder in before]
    monkeypatch.setenv("PATH", os.pathsep.join(before))
    assert environment()["PATH"].split(os.pathsep) == [*added, *before]


def test_what_was_started_so_is_known_for_a_dvc():
    """By the locks that it holds, which no other program clears away then."""
    program = "import sys; sys.argv; print(flush=True); sys.stdin.read()"
    command = [DVC[0], "-c", program, *DVC[1:], "repro"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert locks.is_dvc(process.pid)
        process.stdin.close()


def test_at_ctrl_c_dvc_has_time_to_put_its_things_in_order(monkeypatch, tmp_path):
    program = (
        "import os, pathlib, signal, time; print(flush=True); "
        "os.kill(os.getppid(), signal.SIGINT); time.sleep(1); pathlib.Path('in order').touch()"
    )
    monkeypatch.setattr(dvc_command, "DVC", (sys.executable, "-c", program))
    with pytest.raises(KeyboardInterrupt):
        dvc_command.run_stages("repro", folder=tmp_path)
    assert (tmp_path / "in order").exists()


@pytest.mark.parametrize(
    "file",
    [
        file
        for folder in ("tools", "few", "benchmarks")
        for file in sorted((ROOT / folder).rglob("*.py"))
    ],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_no_tool_and_no_benchmark_starts_the_script(file):
    """Whether in a list or among the arguments of a function."""
    assert not re.search(r'[\[(]\s*"dvc",', file.read_text())
