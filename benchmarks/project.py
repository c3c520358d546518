"""Copies of the project for benchmarks to run in."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.files import ROOT
from tools.dvc_command import DVC, environment

# Nobody need have told git who they are.
GIT = ("git", "-c", "user.name=benchmarks", "-c", "user.email=benchmarks@localhost")


def dvc(folder: Path, *arguments: str) -> None:
    """Run a dvc command in a project."""
    subprocess.run([*DVC, *arguments], cwd=folder, env=environment(), check=True)


def clone(to: Path, params: Mapping[str, object]) -> Path:
    """Clone the project as it is committed, with nothing run, and set some parameters."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(to)], check=True)
    for file in (ROOT / "data/weights").glob("*.h5"):
        shutil.copy(file, to / "data/weights")
    # What DVC keeps of a project beside it shall go with the folder, too.
    dvc(to, "config", "--local", "core.site_cache_dir", str(to.parent / "site"))
    change(to, params)
    return to


def change(folder: Path, params: Mapping[str, object]) -> None:
    """Set parameters, named as `subset.train`, in a project's params.yaml."""
    yaml = YAML()
    content = yaml.load(folder / "params.yaml")
    for key, value in params.items():
        *sections, name = key.split(".")
        inside = content
        for section in sections:
            inside = inside[section]
        inside[name] = value
    yaml.dump(content, folder / "params.yaml")


def copy_of_run(to: Path) -> Path:
    """Clone the project with what its last run wrote, from DVC's cache, and its sources.

    It is committed there, so that `git reset --hard` and `dvc checkout` bring it back.
    """
    clone(to, {})
    for name in ("params.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, to)
    for name in ("data/external", "metrics", "plots"):
        shutil.copytree(ROOT / name, to / name, dirs_exist_ok=True)
    dvc(to, "config", "--local", "cache.dir", str(ROOT / ".dvc/cache"))
    dvc(to, "checkout", "--quiet")
    dvc(to, "repro", "--quiet")  # nothing, unless the code has changed since
    for command in (
        ["git", "add", "--all"],
        [*GIT, "commit", "--quiet", "--allow-empty", "--message", "the last run"],
    ):
        subprocess.run(command, cwd=to, check=True)
    return to
