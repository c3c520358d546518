"""`few train`: from a folder of pictures to a report of a model of them."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from few import pictures
from tools import preset, ready
from tools.dvc_command import run_stages
from tools.experiment import flatten, set_params, written
from tools.report import page
from vision.evaluation import scores
from vision.params import load_params
from vision.runtime.files import read_json
from vision.runtime.text import some

PARAMS = Path("params.yaml")
EVALUATION = Path("metrics/evaluate.json")
CALIBRATION = Path("metrics/calibration.json")
COUNTS = Path("metrics/subset.json")


def train(source: Path | None, preset_name: str | None, report: Path) -> None:
    """Bring pictures in, choose parameters, run what is stale, and write the report.

    Parameters
    ----------
    source : a folder or an archive; None: params.yaml says where the pictures come from.
    preset_name : which of presets/; None: params.yaml stays as it is.

    Raises
    ------
    UserError
        The pictures can't be used, or the run failed.
    """
    ready.main()
    params = load_params(PARAMS)
    wanted: dict[str, object] = {}
    if source:
        found = pictures.look(source, params.download)
        print(found.described(), flush=True)
        wanted |= {"download.source": "external"} | found.shares()
    if preset_name:
        wanted |= preset.read_preset(preset_name)
    current = flatten(params.model_dump())
    changes = {name: value for name, value in wanted.items() if current[name] != value}
    say_what_is_touched(
        [*(["params.yaml"] if changes else []), *([str(pictures.EXTERNAL)] if source else [])]
    )
    if source:
        pictures.bring_in(found)
    for name, value in changes.items():
        print(f"params.yaml: {name} = {written(value)}")
    if changes:
        set_params(PARAMS, changes)
    print("$ dvc repro", flush=True)
    run_stages("repro")
    measured = figures(read_json(EVALUATION), read_json(CALIBRATION), read_json(COUNTS)["test"])
    print("\n" + measured, flush=True)
    page.write(report)


def say_what_is_touched(before_run: list[str]) -> None:
    """Where git knows of changes, tell which of its files are going to be written.

    Parameters
    ----------
    before_run : those besides what every run writes.
    """
    status = ["git", "status", "--porcelain", "--untracked-files=no"]
    changed = subprocess.run(status, capture_output=True, text=True).stdout.splitlines()
    if changed:
        print(
            f"There are uncommitted changes, in {some([line[3:] for line in changed])}. This is "
            f"going to write {', '.join([*before_run, 'dvc.lock', 'metrics', 'plots'])}, and "
            "nothing else that git tracks; in params.yaml, only what is said below.",
            flush=True,
        )


def figures(evaluation: Mapping, calibration: Mapping, tested: Mapping[str, int]) -> str:
    """Return the three figures that matter, each with its 95 % interval.

    Where there are more test pictures of one class than of another, the accuracy comes with what it
    is to be held against.

    Parameters
    ----------
    evaluation, calibration : the contents of metrics/evaluate.json and metrics/calibration.json.
    tested : the test pictures of each class.
    """
    count, final, test = evaluation["pictures"], evaluation["finetuned"], calibration["test"]
    unsure = round(test["unsure"] * count)
    lines = [_line("test accuracy", *_with_ends(final, "accuracy"))]
    if len(set(tested.values())) > 1:
        baseline = evaluation["baseline"]
        lines += [
            _line(f"always saying {baseline['class']}", *_with_ends(baseline, "accuracy")),
            f"  {'balanced accuracy':<20} {100 * final['balanced_accuracy']:5.1f} %   "
            "all classes count the same",
        ]
    lines.append(_line("called unsure", unsure / count, *scores.accuracy_interval(unsure, count)))
    if unsure < count:
        lines.append(_line("accuracy where sure", *_with_ends(test, "sure_accuracy")))
    else:
        lines.append("  accuracy where sure      -     (it is sure of none)")
    head = (
        f"On {count:,} test pictures, which the model never saw; in brackets, the range in which "
        "each\nfigure may lie on other pictures like these (95 % interval):"
    )
    return "\n".join([head, *lines])


def _with_ends(measured: Mapping, name: str) -> tuple[float, float, float]:
    return measured[name], measured[f"{name}_low"], measured[f"{name}_high"]


def _line(name: str, value: float, low: float, high: float) -> str:
    return f"  {name:<20} {100 * value:5.1f} %   ({100 * low:.1f} to {100 * high:.1f} %)"
