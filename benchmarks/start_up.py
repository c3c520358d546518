"""Times what passes before each stage does anything useful, and a `dvc repro` with nothing to do.

    python -m benchmarks.start_up

After a run. Each stage runs by itself, forced, on a small set; its first useful work is where it
first opens a file of data/, models/ or plots/. That nothing is to do is timed on the last run, in a
copy of the project. The empty project has as many stages, with as many
dependencies and outputs, and as many files in them, of a few bytes each.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from ruamel.yaml import YAML
from tabulate import tabulate

from benchmarks.project import clone, copy_of_run

TURNS = 1
SMALL = {
    "download.source": "sample",
    "download.sample_pictures": 60,
    "subset.train": 30,
    "subset.validation": 15,
    "subset.test": 15,
    "backbone.name": "efficientnet_lite0",
    "backbone.image_size": 96,
    "store.max_gb": 0,
}
# Loaded by Python in each stage's process, since its folder is on the path.
HOOK = """
import atexit, json, os, sys, time

FOLDERS = ("data/", "models/", "plots/")
seen = {"start": time.time()}
tell = os.environ.get("START_UP_TO")

def watch(event, arguments):
    if event == "open" and "work" not in seen:
        path = os.path.relpath(str(arguments[0])) if isinstance(arguments[0], str) else ""
        if path.startswith(FOLDERS) and not path.startswith("data/weights"):
            seen["work"] = time.time()
            seen["tensorflow"] = "tensorflow" in sys.modules

def write():
    with open(tell, "w") as file:
        json.dump(seen | {"tensorflow": "tensorflow" in sys.modules}, file)

if tell and "stages" in " ".join(sys.orig_argv):
    sys.addaudithook(watch)
    atexit.register(write)
"""


def report() -> Iterator[str]:
    """Measure all stages, and give a table and a sentence."""
    with tempfile.TemporaryDirectory() as parent:
        small = clone(Path(parent) / "small", SMALL)
        subprocess.run(["dvc", "repro"], cwd=small, stdout=subprocess.DEVNULL, check=True)
        stages = list(YAML(typ="safe").load(small / "dvc.yaml")["stages"])
        rows = [[stage, *of_stage(small, stage)] for stage in stages]
        nothing, empty = nothing_to_do(
            copy_of_run(Path(parent) / "project"), Path(parent) / "empty"
        )
    header = ["stage", "until it runs, s", "until its first work, s", "TensorFlow"]
    table = tabulate(rows, header, tablefmt="github", floatfmt=".1f")
    yield (
        f"{table}\n\nWith nothing to do, `dvc repro` takes {nothing:.2f} s here and {empty:.2f} s "
        f"in the empty project: {nothing / empty:.2f} times as long."
    )


def of_stage(folder: Path, stage: str) -> tuple[float, float, str]:
    """Run one stage; give the seconds until its process and its work start, from DVC's start on."""
    figures = []
    for turn in range(TURNS):
        print(f"benchmarks.start_up: {stage}, turn {turn + 1}", file=sys.stderr, flush=True)
        hooks = folder.parent / "hooks"
        hooks.mkdir(exist_ok=True)
        (hooks / "sitecustomize.py").write_text(HOOK)
        told = folder.parent / "told.json"
        start = time.time()
        subprocess.run(
            ["dvc", "repro", "--single-item", "--force", stage],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(hooks), "START_UP_TO": str(told)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seen = json.loads(told.read_text())
        work = seen.get("work", seen["start"])
        figures.append((seen["start"] - start, work - start, seen["tensorflow"]))
    starts, works, tensorflow = zip(*figures, strict=True)
    return median(starts), median(works), "imported" if any(tensorflow) else "not imported"


def nothing_to_do(folder: Path, empty: Path) -> tuple[float, float]:
    """Time `dvc repro` with nothing to do in a project and in an empty one; give the medians."""
    make_empty(folder, empty)
    for project in (folder, empty):
        subprocess.run(["dvc", "repro"], cwd=project, stdout=subprocess.DEVNULL, check=True)
    seconds: dict[Path, list[float]] = {folder: [], empty: []}
    for _ in range(2 * TURNS + 3):
        for project, of_project in seconds.items():
            start = time.perf_counter()
            subprocess.run(["dvc", "repro"], cwd=project, stdout=subprocess.DEVNULL, check=True)
            of_project.append(time.perf_counter() - start)
    return median(seconds[folder]), median(seconds[empty])


def make_empty(folder: Path, empty: Path) -> None:
    """Make a project of the same stages, which do nothing, upon tiny files of the same names."""
    empty.mkdir()
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=empty, check=True)
    shutil.copy(folder / "params.yaml", empty)
    yaml = YAML()
    pipeline = yaml.load(folder / "dvc.yaml")
    for stage in pipeline["stages"].values():
        stage["cmd"] = "true"
        for path in [*stage["deps"], *files_of(stage, "outs", "metrics", "plots")]:
            mimic(folder / path, empty / path)
    yaml.dump({"stages": pipeline["stages"]}, empty / "dvc.yaml")
    subprocess.run(["dvc", "commit", "--force", "--quiet"], cwd=empty, check=True)


def files_of(stage: dict, *kinds: str) -> list[str]:
    return [
        entry if isinstance(entry, str) else next(iter(entry))
        for kind in kinds
        for entry in stage.get(kind, [])
    ]


def mimic(path: Path, copy: Path) -> None:
    """Write a few bytes for each file that is there."""
    if copy.exists():
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_dir():
        copy.write_text(copy.name)
        return
    for file in path.rglob("*"):
        to = copy / file.relative_to(path)
        to.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            to.write_text(to.name)
    copy.mkdir(exist_ok=True)


if __name__ == "__main__":
    print(*report())
