"""Times what passes before each stage does anything useful, and a `dvc repro` with nothing to do.

    python -m benchmarks.start_up

After a run, in a copy of it. Each stage is made stale, by a comment at the end of its module, and
`dvc repro STAGE` run until the stage's process first opens a picture, an array or a table of
predictions, which is its first useful work, and where it is ended. Nothing to do is timed
against an empty project with as many stages, with as many dependencies and outputs, and as many
files in them, of a few bytes each.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median

from ruamel.yaml import YAML

from benchmarks.document import markdown
from benchmarks.project import copy_of_run
from benchmarks.side_by_side import TURNS, timed
from tools.dvc_command import DVC, dvc, environment

TURNS_OF_NOTHING = 5
# Loaded by Python in each stage's process, since its folder is on the path. Other tables only say
# what there is to do, and are no work. Processes that the stage forks are watched, too; the guard
# that it starts, which outlives it, is not.
HOOK = """
import atexit, json, os, sys, time

start = time.time()
tell = os.environ.get("START_UP_TO")

def write(work):
    if not os.path.exists(tell):
        seen = {"start": start, "work": work, "tensorflow": "tensorflow" in sys.modules}
        with open(tell, "w") as file:
            json.dump(seen, file)

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path = os.path.relpath(arguments[0])
        if (
            path.startswith("data/")
            and not path.startswith(("data/weights/", "data/external/"))
            and not (path.endswith((".csv", ".json")) and "predictions" not in path)
        ):
            write(time.time())
            os._exit(1)

if tell and any(p.startswith("stages.") and p != "stages.guard" for p in sys.orig_argv):
    sys.addaudithook(watch)
    atexit.register(write, None)
"""


def report() -> Iterator[str]:
    """Measure all stages, and yield a table and a sentence."""
    with tempfile.TemporaryDirectory() as parent:
        project = copy_of_run(Path(parent) / "project")
        nothing, empty = nothing_to_do(project, Path(parent) / "empty")
        hooks = Path(parent) / "hooks"
        hooks.mkdir()
        (hooks / "sitecustomize.py").write_text(HOOK)
        stages = YAML(typ="safe").load(project / "dvc.yaml")["stages"]
        rows = [[stage, *of_stage(project, hooks, stage)] for stage in stages]
    header = ["stage", "until it runs, s", "until its first work, s", "TensorFlow by then"]
    yield (
        f"{markdown(rows, header)}\n\n"
        f"With nothing to do, `dvc repro` takes {nothing:.2f} s here and {empty:.2f} s in the "
        f"empty project: {nothing / empty:.2f} times as long."
    )


def of_stage(project: Path, hooks: Path, stage: str) -> tuple[str, str, str]:
    """Return the seconds until the stage's process and its work start, from DVC's start on."""
    starts, works, tensorflow = [], [], False
    told = hooks / "told.json"
    module = project / f"stages/{stage}.py"
    for turn in range(TURNS):
        print(f"benchmarks.start_up: {stage}, turn {turn + 1}", file=sys.stderr, flush=True)
        told.unlink(missing_ok=True)
        start = time.time()
        with module.open("a") as file:
            file.write(f"# {start}\n")  # such a module was never run: DVC knows no outputs of it
        finished = subprocess.run(
            [*DVC, "repro", stage],
            cwd=project,
            env=environment() | {"PYTHONPATH": str(hooks), "START_UP_TO": str(told)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,  # it fails where the stage is ended
        )
        if not told.exists():
            sys.exit(f"`dvc repro {stage}` did not run it:\n{finished.stdout}")
        seen = json.loads(told.read_text())
        starts.append(seen["start"] - start)
        tensorflow |= seen["tensorflow"]
        if seen["work"]:
            works.append(seen["work"] - start)
        subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=project, check=True)
        dvc("checkout", "--quiet", folder=project)
    return (
        f"{median(starts):.1f}",
        f"{median(works):.1f}" if works else "none",
        "imported" if tensorflow else "not imported",
    )


def nothing_to_do(folder: Path, empty: Path) -> tuple[float, float]:
    """Time `dvc repro` with nothing to do in a project and in an empty one; return the medians."""
    make_empty(folder, empty)
    for project in (folder, empty):
        dvc("repro", folder=project)
    seconds: dict[Path, list[float]] = {folder: [], empty: []}
    for _ in range(TURNS_OF_NOTHING):
        for project, of_project in seconds.items():
            of_project.append(timed(partial(dvc, "repro", folder=project)))
    return median(seconds[folder]), median(seconds[empty])


def make_empty(folder: Path, empty: Path) -> None:
    """Make a project of the same stages, which do nothing, upon tiny files of the same names."""
    empty.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=empty, check=True)
    dvc("init", "--quiet", folder=empty)
    shutil.copy(folder / "params.yaml", empty)
    yaml = YAML()
    pipeline = yaml.load(folder / "dvc.yaml")
    for stage in pipeline["stages"].values():
        stage["cmd"] = "true"
        for entry in chain(*(stage.get(kind, []) for kind in ("deps", "outs", "metrics", "plots"))):
            path = entry if isinstance(entry, str) else next(iter(entry))
            mimic(folder / path, empty / path)
    yaml.dump({"stages": pipeline["stages"]}, empty / "dvc.yaml")
    dvc("commit", "--force", "--quiet", folder=empty)


def mimic(path: Path, copy: Path) -> None:
    """Write a few bytes for each file that is there."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, copy, copy_function=write_name, dirs_exist_ok=True)
    else:
        write_name(path, copy)


def write_name(_: str | Path, copy: str | Path) -> None:
    Path(copy).write_text(Path(copy).name)


if __name__ == "__main__":
    print(*report())
