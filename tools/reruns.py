"""Prints which stages rerun when a parameter or a file changes, computed from dvc.yaml.

python -m tools.reruns > docs/reruns.md
"""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

from ruamel.yaml import YAML
from tabulate import tabulate

from tools.experiment import flatten

ROOT = Path(__file__).parents[1]
RUNS = "●"
MAY_RUN = "○"
INTRODUCTION = f"""\
# What reruns when something changes

{RUNS} the stage runs anew. {MAY_RUN} it runs anew if a stage before it did and gave other bytes;
if it gave the same ones, DVC skips what comes after. Empty: it does not run. A stage that ran with
the same parameters and files before is not run either: DVC takes its outputs from the run cache.

This table is computed from dvc.yaml by `python -m tools.reruns`, and a test holds it to that; that
dvc.yaml says what the code does is tested too.
"""

KEPT = """\
## What is kept, and where

- *The store*, `~/.cache/few-pictures/rows.sqlite` (in `$XDG_CACHE_HOME`, where that is set), one
  for all of a user's clones and experiments: features and activations of pictures already seen, so
  that only new pictures run through the network. Of the validation and test pictures only the
  blocks that were trained are run, if what enters them takes at most a quarter of the store. A row
  is found by its picture's content, by what was done to it first (views are drawn by the picture's
  name), by the network, by the code that decodes, changes and runs pictures
  (`vision/pictures.py`, `vision/features/extraction.py` and `vision/models/litert.py`; of views
  also `vision/features/views.py` and `vision/augmentation.py`, of mirror images
  `vision/evaluation/inference.py`) and by the versions of the libraries: another line there, and
  it is made anew. Which stage asks is no matter: `evaluate` finds what `finetune` ran of the
  validation pictures; or where fine-tuning made nothing better, so that both models have the same
  features, those that `extract` ran. (A learning rate that does make it better then runs the test
  pictures once.) `store.max_gb` bounds it, but for SQLite's log of some batches while it is
  written: the ones least recently used go first. It may be deleted at any time, and must be where
  a run tells that it is damaged. A folder `rows` beside it is of an earlier version, and of no more
  use.
- *The activations*, in `data/.activations.partial`, only while `finetune` runs: what enters the
  block that it trains from, of `finetune.views` views of each training picture and of the
  validation pictures. What they will take is told first, and refused where less is free. Those of
  the next block of `finetune.unfreeze_from` come when these are gone. A later run, such as one with
  another learning rate, finds their rows in the store.
- *DVC's cache*, `.dvc/cache`: a second copy of all that the stages write (but where the file
  system has reflinks, which take no disk), and what each run before wrote otherwise. Nothing bounds
  it; `dvc gc --workspace` leaves what is of the last run.

So allow for the activations, for `store.max_gb`, and for the runs before.
"""


def main() -> None:
    print(document(), end="")


def document() -> str:
    """Write the whole page."""
    yaml = YAML(typ="safe")
    stages = yaml.load(ROOT / "dvc.yaml")["stages"]
    params = flatten(yaml.load(ROOT / "params.yaml"))
    sections = [INTRODUCTION]
    for title, names, declared in (
        ("Parameter", params, lambda stage: stage["params"]),
        ("File or folder", files(stages), lambda stage: stage["deps"]),
    ):
        rows = [[f"`{name}`", *marks(stages, name, declared)] for name in names]
        sections.append(tabulate(rows, [title, *stages], tablefmt="pipe") + "\n")
    return "\n".join([*sections, KEPT])


def marks(stages: dict[str, dict], name: str, declared: Callable[[dict], list[str]]) -> list[str]:
    """Give each stage's mark for a parameter or a file, by what stages declare."""
    direct = {
        stage
        for stage, content in stages.items()
        if {name, name.partition(".")[0]} & set(declared(content))
    }
    behind = _behind(stages, direct)
    return [RUNS if stage in direct else MAY_RUN if stage in behind else "" for stage in stages]


def files(stages: dict[str, dict]) -> list[str]:
    """Give what stages depend on and none of them writes: code, and what the user puts there."""
    read = {path for stage in stages.values() for path in stage["deps"]}
    written = {path for stage in stages.values() for path in outputs(stage)}
    return sorted(read - written)


def outputs(stage: dict) -> list[str]:
    """Give the paths of what a stage writes."""
    kinds = (stage.get(kind, []) for kind in ("outs", "metrics", "plots"))
    items = chain.from_iterable(kinds)
    return [item if isinstance(item, str) else next(iter(item)) for item in items]


def _behind(stages: dict[str, dict], first: set[str]) -> set[str]:
    """Give the stages that read, directly or through others, what some stages write."""
    found = set(first)
    while True:
        written = {path for stage in found for path in outputs(stages[stage])}
        more = {name for name, stage in stages.items() if written & set(stage["deps"])} - found
        if not more:
            return found
        found |= more


if __name__ == "__main__":
    main()
