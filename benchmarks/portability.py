"""Measures how far results move where they can't be the same bytes: other threads, other kernels.

    python -m benchmarks.portability

Runs the stages from extract to evaluate on some of the pictures in data/raw (so after a run),
once as they are and once for each change of the environment, and prints how far features,
probabilities and metrics move. Other processors are stood in for by holding oneDNN to the sets of
instructions that they have.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from benchmarks.project import PARAMS, ROOT
from tools.experiment import set_params
from vision.runtime.files import read_json

STAGES = ("extract", "audit", "extract_views", "train_head", "finetune", "evaluate")
FEW = {
    "subset.train": 250,
    "subset.validation": 125,
    "subset.test": 250,
    "finetune.epochs": 2,
}
VARIANTS: dict[str, dict[str, str]] = {
    "reference": {},
    "the same again": {},
    "one thread": {"THREADS": "1"},
    "oneDNN held to AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "oneDNN held to SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "oneDNN off": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}
CHANGES = ("probability", "loss", "pictures told otherwise")
# The package sets the flags that results depend on when it is imported; here they are set anew.
RUN = """
import os, runpy, sys
import vision
os.environ.update(eval(sys.argv[2]))
if "THREADS" in os.environ:
    os.sched_setaffinity(0, range(int(os.environ["THREADS"])))
runpy.run_module(f"stages.{sys.argv[1]}", run_name="__main__", alter_sys=True)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as parent:
        prepared = Path(parent) / "prepared"
        prepare(prepared)
        folders = {}
        for name, variant in VARIANTS.items():
            folders[name] = Path(parent) / name.replace(" ", "-")
            shutil.copytree(prepared, folders[name], symlinks=True)
            run_stages(STAGES, variant, folders[name])
        reference, *others = folders.values()
        rows = [
            [name, *movements(reference, folder)]
            for name, folder in zip([*VARIANTS][1:], others, strict=True)
        ]
    models = [f"{what}, {model}" for model in ("head", "fine-tuned") for what in CHANGES]
    print(tabulate(rows, ["", "features", *models], floatfmt=".1e"))


def prepare(folder: Path) -> None:
    """Make a project of the first pictures, with its subset chosen."""
    folder.mkdir()
    shutil.copy(ROOT / PARAMS, folder)
    set_params(folder / PARAMS, FEW)
    (folder / "data").mkdir()
    for name in ("data/raw", "data/corrections.csv"):
        (folder / name).symlink_to(ROOT / name)
    run_stages(["subset"], {}, folder)


def run_stages(stages: Iterable[str], variant: dict[str, str], folder: Path) -> None:
    for stage in stages:
        subprocess.run(
            [sys.executable, "-c", RUN, stage, repr(variant)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            check=True,
        )


def movements(reference: Path, folder: Path) -> list[float]:
    """Return the greatest differences of features, and for each model of what CHANGES names."""
    runs = (reference, folder)
    features = [np.load(run / "data/features/test.npy") for run in runs]
    moved = [float(np.abs(features[0] - features[1]).max())]
    metrics = [read_json(run / "metrics/evaluate.json") for run in runs]
    tables = [pd.read_csv(run / "data/predictions.csv") for run in runs]
    for model in ("head", "finetuned"):
        one, another = (table.filter(regex=f"^{model}_").to_numpy() for table in tables)
        moved += [
            float(np.abs(one - another).max()),
            abs(metrics[0][model]["loss"] - metrics[1][model]["loss"]),
            int((one.argmax(axis=1) != another.argmax(axis=1)).sum()),
        ]
    return moved


if __name__ == "__main__":
    main()
