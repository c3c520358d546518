"""Whole projects in temporary folders, driven through the real `dvc` command."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.code import ROOT

# As on a fresh machine: nobody told git who they are, and no configuration of the user's applies.
NOBODY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "DVC_GLOBAL_CONFIG_DIR": str(ROOT / "tests" / "no-such-folder"),
    "DVC_SYSTEM_CONFIG_DIR": str(ROOT / "tests" / "no-such-folder"),
}
OWN_FOLDERS = ("stages", "vision")
OWN_FILES = ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore")


class Project:
    """A copy of the pipeline in a git repository of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in OWN_FOLDERS:
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in OWN_FILES:
            shutil.copy(ROOT / name, folder / name)
        for name in ("data/external", "data/weights"):
            (folder / name).mkdir(parents=True)
            for file in (".gitignore", "README.md"):
                shutil.copy(ROOT / name / file, folder / name / file)
        (folder / ".dvc").mkdir()
        for file in (".gitignore", "config"):
            shutil.copy(ROOT / ".dvc" / file, folder / ".dvc" / file)
        self.run("git", "init", "--quiet")

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run a command in the project as a user would, with the environment active."""
        programs = Path(sys.executable).parent
        finished = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | NOBODY | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0 or not check, finished.stdout + finished.stderr
        return finished

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        return self.run("dvc", *arguments, check=check)

    def repro(self) -> list[str]:
        """Run `dvc repro` and tell which stages it ran."""
        return stages_run(self.dvc("repro").stdout)

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run(
            "git", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "-m", message
        )

    def set(self, **parameters: object) -> None:
        """Change parameters in params.yaml: `finetune__epochs=1` is finetune.epochs."""
        yaml = YAML()
        path = self.folder / "params.yaml"
        content = yaml.load(path)
        for name, value in parameters.items():
            *sections, key = name.split("__")
            section = content
            for part in sections:
                section = section[part]
            section[key] = value
        yaml.dump(content, path)


def stages_run(output: str) -> list[str]:
    return re.findall(r"^Running stage '(\w+)'", output, flags=re.MULTILINE)


SMALL = {
    "subset__train": 12,
    "subset__validation": 6,
    "subset__test": 6,
    "backbone__image_size": 64,
    "train_head__epochs": 3,
    "finetune__epochs": 1,
    "finetune__unfreeze_from": "block7a",
}


@pytest.fixture(scope="session")
def new_project(tmp_path_factory):
    """Make a project; `small` sizes let a whole run take half a minute."""

    def make(**parameters: object) -> Project:
        project = Project(tmp_path_factory.mktemp("project"))
        project.set(**(SMALL | parameters))
        return project

    return make
