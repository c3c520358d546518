"""Times whole runs, stage by stage, at an earlier revision and as it is.

    python -m benchmarks.whole REVISION [EXTERNAL]

Each runs alone and once, in a clone with nothing kept from before: one with the same parameters at
both revisions, and one with those that params.yaml has now; on the default's pictures and, where an
archive is given, on its pictures, too. As it is, it goes on with another learning rate.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.document import commit, keep, markdown
from benchmarks.project import PARAMS, clone
from tools.dvc_command import run_stages
from tools.experiment import set_params
from vision.runtime.program import run

# What both revisions know.
LITE0 = {
    "backbone.name": "efficientnet_lite0",
    "backbone.pooling": "avg",
    "backbone.image_size": 224,
    "train_head.l2": 1e-4,
    "train_head.optimizer": "adam",
    "train_head.epochs": 60,
    "train_head.patience": 6,
    "finetune.unfreeze_from": "block5a",
    "finetune.epochs": 4,
    "finetune.patience": 2,
    "lr": 5e-5,
}
# What came since: as many views as epochs, since fresh augmentation had as many.
SINCE = {
    "train_head.standardize": False,
    "finetune.least_wrong": 0,
    "finetune.views": 4,
    "evaluate.mirror": False,
}
ANOTHER_RATE = {"lr": 1e-5}
EXTERNAL = {
    "download.source": "external",
    "subset.train": 1000,
    "subset.validation": 500,
    "subset.test": 1000,
}
ALL = "all"
AGAIN = "then, with another lr"


def report(revision: str, external: Path | None) -> Iterator[str]:
    """Measure, and yield a table, anew after each run: what fails later loses nothing."""
    now = commit()
    kinds = [("the default's pictures", {})]
    if external:
        kinds.append((external.stem, EXTERNAL))
    runs: dict[str, dict[str, float]] = {}
    for kind, pictures in kinds:
        for name, at, params in (
            ("Lite0, before", revision, LITE0),
            ("Lite0, now", now, LITE0 | SINCE),
            ("default, now", now, {}),
        ):
            print(f"benchmarks.whole: {kind}, {name}", file=sys.stderr, flush=True)
            chosen = external if pictures else None
            runs[f"{kind}: {name}"] = measure(at, params | pictures, chosen, again=at == now)
            yield table(runs)


def table(runs: dict[str, dict[str, float]]) -> str:
    stages = list(dict.fromkeys(stage for run in runs.values() for stage in run))
    totals = [ALL, AGAIN]
    rows = [
        [stage, *(f"{run[stage]:,.0f}" if stage in run else "" for run in runs.values())]
        for stage in [*(stage for stage in stages if stage not in totals), *totals]
    ]
    return markdown(rows, ["stage, s", *runs])


def measure(
    revision: str, params: dict[str, object], external: Path | None, again: bool
) -> dict[str, float]:
    """Run the pipeline of a revision anew, and if asked again, with another learning rate.

    Returns
    -------
    The seconds of each stage, of all, and of the second run, if there is one.
    """
    with tempfile.TemporaryDirectory() as parent:
        folder = clone(Path(parent) / "project", {})
        subprocess.run(["git", "checkout", "--quiet", "--force", revision], cwd=folder, check=True)
        set_params(folder / PARAMS, params)
        if external:
            shutil.copy(external, folder / "data/external")
        seconds = reproduce(folder, "--force")
        if again:
            set_params(folder / PARAMS, ANOTHER_RATE)
            seconds[AGAIN] = reproduce(folder)[ALL]
    return seconds


def reproduce(folder: Path, *options: str) -> dict[str, float]:
    """Run `dvc repro` with a store of its own; return the seconds of each stage, and of all."""
    cache = str(folder.parent / "cache")
    seconds, total = run_stages("repro", *options, folder=folder, XDG_CACHE_HOME=cache)
    return seconds | {ALL: total}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", help="of before", metavar="REVISION")
    parser.add_argument("external", type=Path, nargs="?", help="an archive", metavar="EXTERNAL")
    options = parser.parse_args()
    keep("whole", report(options.revision, options.external))


if __name__ == "__main__":
    run(main)
