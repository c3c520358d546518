"""Measures what the networks from scratch cost: the time of an epoch, and memory.

    python -m tools.measure_baselines

On the pictures of data/subset. Each network is trained for a few epochs, in a folder of its own, so
that what baselines/ trained before stays as it is.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from ruamel.yaml import YAML

from baselines.draw import FORMS, NETWORKS
from tools.measure import processor
from vision import pictures
from vision.runtime.errors import UserError
from vision.runtime.files import write_json
from vision.runtime.program import run

PARAMS = Path("baselines/params.yaml")
SUBSET = Path("data/subset")
COST = Path("metrics/costs/baselines.json")
EPOCHS = 4


@dataclass(frozen=True)
class Cost:
    """What a network's training takes.

    Attributes
    ----------
    first_epoch_seconds : from the start of the process on. It decodes the pictures, which are
        kept in memory then.
    epoch_seconds : the median of the later ones.
    peak_memory_mb : of the process.
    """

    first_epoch_seconds: float
    epoch_seconds: float
    peak_memory_mb: int


def main() -> None:
    if not SUBSET.is_dir():
        raise UserError(f"{SUBSET} is missing; choose the pictures with `dvc repro subset`")
    told = {"processor": processor(), "pictures": len(pictures.index(SUBSET / "train"))}
    networks = {}
    for network in NETWORKS:
        for form in FORMS:
            print(f"{network}, {form}: {EPOCHS} epochs", flush=True)
            networks[f"{network}-{form}"] = asdict(measure(network, form))
    write_json(told | {"networks": networks}, COST)


def measure(network: str, form: str) -> Cost:
    """Train a network for a few epochs.

    Raises
    ------
    UserError
        That failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / SUBSET).parent.mkdir(parents=True)
        (folder / SUBSET).symlink_to(SUBSET.absolute())
        (folder / PARAMS).parent.mkdir(parents=True)
        shutil.copy(PARAMS, folder / PARAMS)
        shorten(folder / PARAMS, network, form)
        return watch([sys.executable, "-m", "baselines.train", network, form], folder)


def shorten(params: Path, network: str, form: str) -> None:
    """Let a network's training take few epochs, and all of them."""
    yaml = YAML()
    content = yaml.load(params)
    content[network][form] |= {"epochs": EPOCHS, "patience": EPOCHS}
    yaml.dump(content, params)


def watch(command: list[str], folder: Path) -> Cost:
    """Run a training in a folder, and look at the clock whenever an epoch is over."""
    start = time.monotonic()
    ends = []
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch "):
                ends.append(time.monotonic())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"`{' '.join(command[1:])}` failed; see above")
    return Cost(
        round(ends[0] - start, 1),
        round(median(end - begin for begin, end in pairwise(ends)), 1),
        used.ru_maxrss // 1024,
    )


if __name__ == "__main__":
    run(main)
