"""The commands that run the pipeline, and compare and show its runs."""

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path

from few.arguments import REVISION, add_command, revisions
from vision.runtime.errors import UserError

PRESETS = ("fast", "good", "best")
REPORT = Path("report.html")
SORTED = Path("sorted")
# Of the table of experiments: what is shown, and of the rest what isn't; regular expressions.
KEEP = r"(head|finetuned)\.accuracy$"
DROP = (
    r".*/|Created|State|Executor|pictures|baseline|temperature|unsure_below"
    r"|(head|finetuned|blocks|stacked|train|validation|test|left_out)\."
)

TRAIN = """\
Trains on your own pictures, a folder with one sub-folder for each class (or an archive of that),
and writes a report. It copies them to data/external, tracks them with DVC, sets in params.yaml
what share of them is for training, validation and test, and runs `dvc repro`. Without a folder it
goes on with params.yaml as it is. What is up to date is not run again.
"""
TRAIN_EXAMPLES = """\
  few train ~/pictures
  few train ~/pictures --preset fast       one small network, in minutes
  few train holidays.zip --preset best     the largest network fine-tuned, for longer
  few train                                after a correction in data/corrections.csv
"""
SORT = """\
Groups look-alikes among unsorted pictures, so that you name groups in place of pictures. It draws a
contact sheet of each group; you write the groups' classes into a table, and run it again. Then it
splits the groups that you called mixed, and in the end writes labels.csv beside the pictures, which
`few train` reads. No picture is moved.
"""
SORT_EXAMPLES = """\
  few sort ~/pictures --classes mug,glass,bowl
"""
REPORT_EXAMPLES = """\
  few report
  few report --rev main                    and what changed since a branch
"""
COMPARE_EXAMPLES = """\
  few compare                              what changed since the last commit
  few compare main puffy-daks              a branch and an experiment
"""
MEASURE_EXAMPLES = """\
  few measure lite2
  few measure lite2 --seeds 5
"""
RECIPE = """\
Runs a recipe of the literature as an experiment of its name: keras-blog-2016, book-1st-edition,
book-2nd-edition or r-edition.
"""
RECIPE_EXAMPLES = """\
  few recipe book-2nd-edition
  few recipe book-2nd-edition --backbone efficientnet_lite0
"""


def add_train(commands: argparse._SubParsersAction) -> None:
    """Add those that one begins with."""
    train = add_command(commands, "train", _train, "train a model", TRAIN, TRAIN_EXAMPLES)
    train.add_argument(
        "pictures",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="a folder of class folders, or an archive (.zip, .tar.gz and others)",
    )
    train.add_argument(
        "--preset", choices=PRESETS, help="how long it may take; params.yaml comes with good"
    )

    sort = add_command(
        commands, "sort", _sort, "label unsorted pictures, in groups", SORT, SORT_EXAMPLES
    )
    sort.add_argument("pictures", type=Path, metavar="FOLDER", help="the folder they are in")
    sort.add_argument("--classes", required=True, metavar="NAMES", help="with commas between them")
    sort.add_argument(
        "--to", type=Path, default=SORTED, metavar="FOLDER", help=f"for the sheets; {SORTED}"
    )


def add(commands: argparse._SubParsersAction) -> None:
    """Add the others."""
    report = add_command(
        commands,
        "report",
        _report,
        "write a page about the run",
        "Writes one page about the run in this folder, a single HTML file.",
        REPORT_EXAMPLES,
    )
    report.add_argument(
        "--rev", help=f"show what changed since {REVISION}", metavar="REV"
    ).completer = revisions
    report.add_argument(
        "to",
        nargs="?",
        type=Path,
        default=REPORT,
        metavar="FILE",
        help=f"the file to write; {REPORT} where none is named",
    )

    compare = add_command(
        commands,
        "compare",
        _compare,
        "do two runs differ by more than luck?",
        "Checks whether two runs differ by more than luck, picture by picture.",
        COMPARE_EXAMPLES,
    )
    for name, default in (("A", "HEAD"), ("B", "workspace")):
        compare.add_argument(
            name,
            nargs="?",
            default=default,
            help=f"workspace, or {REVISION}; {default} where none is named",
        ).completer = revisions

    seeds = add_command(
        commands,
        "seeds",
        _seeds,
        "how far do metrics move by luck?",
        "Runs params.yaml with several seeds, and tells how far the metrics move by luck alone.",
        "  few seeds\n  few seeds 10\n",
    )
    seeds.add_argument(
        "count", nargs="?", default=5, type=_at_least(2), metavar="N", help="how many seeds; 5"
    )

    measure = add_command(
        commands,
        "measure",
        _measure,
        "measure a run on Dogs vs. Cats",
        "Measures a run of results/runs.yaml: its metrics, its time and its memory.",
        MEASURE_EXAMPLES,
    )
    measure.add_argument("name", help="a run of results/runs.yaml", metavar="NAME")
    measure.add_argument(
        "--seeds", default=1, type=_at_least(1), metavar="N", help="how many seeds; 1"
    )

    recipe = add_command(
        commands, "recipe", _recipe, "run a recipe of the literature", RECIPE, RECIPE_EXAMPLES
    )
    recipe.add_argument("name", help="a file of recipes/, without its suffix", metavar="NAME")
    recipe.add_argument(
        "--backbone", help="another network, such as backbone.name in params.yaml lists", default=""
    )
    recipe.add_argument("--weights", help="a file in data/weights/, or random", default="")
    recipe.add_argument(
        "--preprocessing",
        choices=("published", "rescale"),
        help="how pixels are scaled, if not as in the recipe",
        default="",
    )

    add_command(
        commands,
        "experiments",
        _experiments,
        "show the experiments, best first",
        "Shows the experiments, best first, and those in the queue.",
        "  few experiments\n",
    )


def _at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number that is not less."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} should be {least} or more")
        return int(text)

    return number


def _train(options: argparse.Namespace) -> None:
    from few import train

    train.train(options.pictures, options.preset, REPORT)


def _sort(options: argparse.Namespace) -> None:
    from few import sort

    classes = [name.strip() for name in options.classes.split(",") if name.strip()]
    sort.sort(options.pictures, classes, options.to)


def _report(options: argparse.Namespace) -> None:
    from tools.report import page

    page.write(options.to, options.rev)


def _compare(options: argparse.Namespace) -> None:
    from tools import compare, ready

    ready.main()
    a, b = (compare.read_predictions(name) for name in (options.A, options.B))
    print(compare.report(options.A, a, options.B, b))


def _seeds(options: argparse.Namespace) -> None:
    from tools import measure, ready

    ready.main()
    measure.spread(options.count)


def _measure(options: argparse.Namespace) -> None:
    from tools import measure, ready

    ready.main()
    measure.measure(options.name, options.seeds)


def _recipe(options: argparse.Namespace) -> None:
    from tools import ready, recipe

    ready.main()
    recipe.run_recipe(options.name, options.backbone, options.weights, options.preprocessing)


def _experiments(options: argparse.Namespace) -> None:
    from tools import ready
    from tools.dvc_command import DVC, environment

    ready.main()
    # One that failed has no metrics of its own; DVC would show those of the commit in its place.
    table = ("exp", "show", "--no-pager", "--only-changed", "--keep", KEEP, "--drop", DROP)
    best_first = ("--sort-by", "finetuned.accuracy", "--sort-order", "desc")
    shown = (*table, "--hide-failed", "--hide-queued", *best_first)
    for arguments in (shown, ("queue", "status")):
        if subprocess.run([*DVC, *arguments], env=environment()).returncode:
            raise UserError(f"`dvc {' '.join(arguments[:2])}` failed; see above")
