"""Whole projects in temporary folders, driven through the real `dvc` command."""

import copy
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
import requests
from ruamel.yaml import YAML

from tests import forks
from tests.code import ROOT
from tests.pipeline.test_contract import outputs
from tools.experiment import set_params

# As on a fresh machine: nobody told git who they are, and no configuration of the user's applies.
NOBODY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "DVC_GLOBAL_CONFIG_DIR": str(ROOT / "tests" / "no-such-folder"),
    "DVC_SYSTEM_CONFIG_DIR": str(ROOT / "tests" / "no-such-folder"),
}
MAKES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
OWN_FOLDERS = ("stages", "vision", "serving", "tools", "few", "presets", "recipes")
# What pages have their readers install is installed here, and active.
INSTALLING = ("make install", "source .venv/bin/activate", "pip install ")
OWN_FILES = ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", "data/corrections.csv")

WORKLESS = """
import pathlib, sys, uuid
for path in map(pathlib.Path, sys.argv[2:]):
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        path /= "content.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"content": "{uuid.uuid4() if sys.argv[1] == "new" else path}"}}')
"""


class Project:
    """A copy of the pipeline in a git repository of its own.

    Attributes
    ----------
    forks : whether `dvc` and the stages start as forks, which is sooner, or as programs.
    """

    forks = True

    def __init__(self, folder: Path):
        self.folder = folder
        for name in OWN_FOLDERS:
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in ("data/external", "data/weights"):
            (folder / name).mkdir(parents=True)
            for file in (".gitignore", "README.md"):
                shutil.copy(ROOT / name / file, folder / name / file)
        for name in OWN_FILES:
            shutil.copy(ROOT / name, folder / name)
        (folder / ".dvc").mkdir()
        for file in (".gitignore", "config"):
            shutil.copy(ROOT / ".dvc" / file, folder / ".dvc" / file)
        self.run("git", "init", "--quiet")

    def run(
        self, *command: str, check: bool = True, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        """Run a command in the project as a user would, with the environment active."""
        finished = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment() | (env or {}),
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0 or not check, finished.stdout + finished.stderr
        return finished

    def start(self, *command: str) -> subprocess.Popen:
        """Start a command in a process group of its own; its errors come among its output."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        programs = [*([forks.programs()] if self.forks else []), Path(sys.executable).parent]
        path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
        # Under `make test`, a make within would tell that it is one.
        users = {name: value for name, value in os.environ.items() if name not in MAKES}
        return users | NOBODY | {"PATH": path}

    def copy_to(self, folder: Path, **attributes: object) -> "Project":
        """Copy the project as it stands, with DVC's cache."""
        shutil.copytree(self.folder, folder)
        copied = copy.copy(self)
        copied.__dict__ |= {"folder": folder} | attributes
        return copied

    def forget(self, output: str) -> None:
        """Remove a file that a stage wrote, also from DVC's cache."""
        path = self.folder / output
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        path.unlink()
        (self.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink()

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        return self.run("dvc", *arguments, check=check)

    def by_hand(self, *stages: str, **environment: str) -> str:
        """Run stages without dvc, and tell what they said."""
        ran = [self.run("python", "-m", f"stages.{name}", env=environment) for name in stages]
        return "".join(each.stdout for each in ran)

    def type(self, command: str, **environment: str) -> str:
        """Type a line of a page into a shell, and tell what it said."""
        if command.startswith(INSTALLING):
            return ""
        typed = f'few() {{ python -m few "$@"; }}\n{command}'
        return self.run("bash", "-e", "-c", typed, env=environment).stdout

    def stop_queue(self) -> None:
        """End what the queue of experiments has started, with all that this has started."""
        self.dvc("queue", "stop", "--kill")
        _, alive = psutil.wait_procs(self._processes(), timeout=30)
        for process in alive:
            process.kill()
        assert not alive

    def _processes(self) -> list[psutil.Process]:
        """List the processes that work in the project's folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()).is_relative_to(self.folder):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                pass
        return found

    def repro(self) -> list[str]:
        """Run `dvc repro` and tell which stages it ran."""
        return stages_run(self.dvc("repro").stdout)

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run(
            "git", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "-m", message
        )

    def read_json(self, name: str) -> dict | list:
        return json.loads((self.folder / name).read_text())

    def add_pipeline(self, name: str) -> None:
        """Add baselines/ or studies/, with nothing run."""
        ignored = shutil.ignore_patterns("__pycache__", "dvc.lock")
        shutil.copytree(ROOT / name, self.folder / name, ignore=ignored)

    def let_stages_do_no_work(
        self, pipeline: str = "dvc.yaml", content: str = "new", real: Sequence[str] = ()
    ) -> None:
        """Let all but some write something new, or the same, into each of their outputs."""
        (self.folder / "workless.py").write_text(WORKLESS)
        yaml, path = YAML(), self.folder / pipeline
        declared = yaml.load(path)
        for name, stage in declared["stages"].items():
            if name in real:
                continue
            one = stage.get("do", stage)
            one["cmd"] = f"python workless.py {content} {' '.join(outputs(one))}"
        yaml.dump(declared, path)

    def set(self, file: str = "params.yaml", /, **parameters: object) -> None:
        """Change parameters in params.yaml: `finetune__epochs=1` is finetune.epochs."""
        values = {name.replace("__", "."): value for name, value in parameters.items()}
        set_params(self.folder / file, values)


class Made(Project):
    """One that is there already."""

    def __init__(self, folder: Path):
        self.folder = folder


def clone_of(origin: Path, folder: Path, *options: str) -> Project:
    """Make what a colleague gets with `git clone`."""
    clone = Made(folder.parent)
    clone.run("git", "clone", "--quiet", *options, str(origin), folder.name)
    clone.folder = folder
    return clone


def repro_within(pipeline: str, project: Project, *stages: str) -> list[str]:
    """Run stages of another pipeline, or all, and tell which ran, in alphabetical order."""
    targets = [f"{pipeline}:{stage}" for stage in stages] or [pipeline]
    ran = stages_run(project.dvc("repro", *targets).stdout)
    return sorted(stage.removeprefix(f"{pipeline}:") for stage in ran)


def stages_run(output: str) -> list[str]:
    return re.findall(r"^Running stage '([^']+)'", output, flags=re.MULTILINE)


STAGES = [
    *("download", "subset", "extract", "audit", "extract_views"),
    *("train_head", "finetune", "evaluate", "calibrate"),
]
SMALL = {
    "lr": 4.0e-4,
    "subset__train": 12,
    "subset__validation": 6,
    "subset__test": 6,
    "backbone__name": "efficientnet_lite0",
    "backbone__pooling": "avg",
    "backbone__image_size": 64,
    # One head, in a few steps.
    "train_head__standardize": False,
    "train_head__l2": 1e-4,
    "train_head__optimizer": "adam",
    "train_head__epochs": 3,
    "train_head__patience": 6,
    # What runs anew is to be computed anew.
    "store__max_gb": 0,
    # One block, whatever the head gets wrong.
    "finetune__unfreeze_from": "block7a",
    "finetune__least_wrong": 0,
    "finetune__views": 1,
    "finetune__epochs": 1,
    "finetune__patience": 2,
    "evaluate__mirror": False,
}


@pytest.fixture(scope="session")
def new_project(tmp_path_factory):
    """Make a project; `small` sizes let a whole run take half a minute."""

    def make(**parameters: object) -> Project:
        project = Project(tmp_path_factory.mktemp("project"))
        project.set(**(SMALL | parameters))
        return project

    return make


@pytest.fixture(scope="session")
def two_classes(new_project, tmp_path_factory):
    """A finished and committed run; tests leave its committed state as it is.

    Of several workers, the first that asks runs it, and each has a copy.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    finished = Made(shared / "two_classes")
    with (shared / "two_classes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.folder.exists():
            project = new_project(download__sample_pictures=26, finetune__epochs=3)
            assert project.repro() == STAGES
            project.commit("Run the pipeline")
            project.folder.rename(finished.folder)
    project = finished.copy_to(tmp_path_factory.mktemp("two_classes") / "project")
    project.lock = (project.folder / "dvc.lock").read_bytes()
    return project


@pytest.fixture
def s3(monkeypatch, tmp_path):
    """A server on this machine that speaks S3, with an empty bucket; gives its address."""
    from moto.server import ThreadedMotoServer  # not sooner: few tests need what it imports

    # Nothing of the user's own settings, and no way out of this machine.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "nothing").touch()
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    url = "http://{}:{}".format(*running.get_host_and_port())
    requests.put(f"{url}/bucket", timeout=10).raise_for_status()
    yield url
    running.stop()
