"""The Makefile: what it starts, and where it starts it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

from tests.code import ROOT

TARGETS = re.findall(r"^# make (\w+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
# In the place of the environment's Python, says what it would do.
PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit
echo "$@; HOME=$HOME; USER=$USER"
[ "$2" != "$FAILING" ]
"""
# Runs what it is given as if it were another version.
OTHER_PYTHON = """#!/bin/sh
[ "$1" != -c ] || exec "{}" -c "import sys; sys.version_info = ({}, {}, 1); $2"
"""
PYTHONS = SpecifierSet(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "a project"
    (folder / ".venv/bin").mkdir(parents=True)
    for file in (ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("requirements*.txt")):
        shutil.copy(file, folder)
    for name in (".installed", ".installed-dev", "bin/python"):
        (folder / ".venv" / name).write_text(PYTHON)
    (folder / ".venv/bin/python").chmod(0o755)
    (folder / "metrics").mkdir()
    (folder / "metrics/evaluate.json").write_text("{}\n")
    return folder


def make(folder, *arguments, **variables):
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"} | variables,
        capture_output=True,
        text=True,
    )


def said(folder, *arguments, **variables):
    return make(folder, *arguments, **variables).stdout


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "install"])
def test_programs_are_started_by_their_modules(project, target):
    """Their scripts name the folder in which they were installed, and it may have been renamed."""
    commands = said(project, "--dry-run", target)
    assert re.search(r"python[0-9.]* -m ", commands)
    for program in ("dvc", "pip", "ruff", "pytest", "uv"):
        assert not re.search(rf"(?<!-m )\b{program} (?!-)", commands.replace("-m uv pip", "-m uv"))
        assert f"bin/{program}" not in commands


def test_what_dvc_needs_is_looked_at_before_it_starts(project):
    started = re.findall("^(.*?);", said(project, "repro"), flags=re.MULTILINE)
    assert started == ["-m tools.ready", "-m dvc repro", "-m dvc plots show"]
    stopped = make(project, "repro", FAILING="tools.ready")
    assert stopped.returncode != 0
    assert "-m dvc" not in stopped.stdout


@pytest.mark.parametrize("target", ["comment", "verify"])
def test_so_it_is_for_all_that_starts_dvc(project, target):
    assert said(project, target).startswith("-m tools.ready;")


@pytest.mark.parametrize("own", [{}, {"HOME": "/proc/nobody"}], ids=["none", "unwritable"])
def test_who_has_no_home_and_no_name_is_given_both(project, own):
    home = f"{project}/.venv/home"
    assert f"HOME={home}; USER={os.getuid()}\n" in said(project, "repro", **own)
    assert Path(home).is_dir()


def test_a_user_s_own_home_and_name_stay(project, tmp_path):
    found = said(project, "repro", HOME=str(tmp_path), USER="me")
    assert f"HOME={tmp_path}; USER=me\n" in found
    assert not (project / ".venv/home").exists()


def test_install_makes_the_environment_with_few_and_runs_nothing(project):
    shutil.rmtree(project / ".venv")
    commands = said(project, "--dry-run", "install")
    assert "-m venv  .venv\n" in commands
    assert "-r requirements.txt -e .\n" in commands
    assert "-m dvc" not in commands
    assert "source .venv/bin/activate" in commands


def test_an_environment_whose_python_is_gone_is_made_anew(project):
    assert "-m venv" not in said(project, "--dry-run", "repro")
    (project / ".venv/bin/python").unlink()
    (project / ".venv/bin/python").symlink_to("/usr/bin/python-that-was-removed")
    assert "-m venv --clear .venv\n" in said(project, "--dry-run", "repro")


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_a_python_is_admitted_that_pyproject_names(project, version):
    python = project / "python"
    python.write_text(OTHER_PYTHON.format(sys.executable, *version.split(".")))
    python.chmod(0o755)
    (project / ".venv/.installed").unlink()
    made = make(project, ".venv/.installed", f"PYTHON={python}")
    assert (made.returncode == 0) == (version in PYTHONS)
    assert ("error: Python 3.11, 3.12 or 3.13 is needed" in made.stderr) != (version in PYTHONS)


def test_each_of_them_is_tested():
    workflow = YAML().load(ROOT / ".github/workflows/pull-request.yml")
    tested = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in PYTHONS]


def test_the_page_s_environment_finds_the_pipeline_s_in_a_folder_that_was_renamed(project):
    """By a path from the one to the other."""
    shutil.rmtree(project / ".venv")
    for name in (".venv", ".venv-serve"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / name], check=True)
    recipe = said(project, "--dry-run", ".venv-serve/.installed").replace("\\\n", "")
    (command,) = (line for line in recipe.splitlines() if "pipeline.pth" in line)
    subprocess.run(["sh", "-c", command], cwd=project, check=True)
    renamed = project.rename(project.parent / "renamed")
    shown = subprocess.run(
        [renamed / ".venv-serve/bin/python", "-c", "import sys; print(*sys.path, sep='\\n')"],
        capture_output=True,
        text=True,
    )
    assert f"{renamed}/.venv/lib" in shown.stdout
