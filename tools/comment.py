"""Writes what a pull request changes, as Markdown with pictures of the curves.

    python -m tools.comment BASE FOLDER

compares the workspace with BASE, a commit or a branch. FOLDER gets report.md and the curves that it
shows. Pictures of the data are not among them: whoever posts the report makes them public.
"""

import argparse
import json
from pathlib import Path

import vl_convert

from tools.dvc_command import dvc
from vision.runtime.program import run

# Of the main pipeline; the others are not run with it.
METRICS = [
    f"metrics/{name}.json"
    for name in ("subset", "audit", "head", "finetune", "evaluate", "calibration")
]
# As dvc.yaml names them, and files to draw them in.
CURVES = {
    "Loss while training the head": "head-loss.png",
    "Accuracy while training the head": "head-accuracy.png",
    "Loss while fine-tuning": "finetune-loss.png",
    "Accuracy while fine-tuning": "finetune-accuracy.png",
}
REMARK = (
    "Inside `accuracy_low` to `accuracy_high`, it may be luck. The base's figures are those that "
    "were committed; another processor moves them a little (docs/background/reproducibility.md)."
)
# DVC's are 300 pixels wide; so many for each of them.
SCALE = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="the commit or branch to compare the workspace with")
    parser.add_argument("folder", type=Path, help="where report.md and the curves are written")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    curves = []
    for title, file in CURVES.items():
        said = dvc("plots", "diff", arguments.base, "--show-vega", "--targets", title)
        # Nothing, or {}, where neither has the table.
        if chart := json.loads(said.strip() or "{}"):
            picture = vl_convert.vegalite_to_png(chart, scale=SCALE)
            (arguments.folder / file).write_bytes(picture)
            curves.append(f"![{title}](./{file})")
    changes = dvc("metrics", "diff", arguments.base, "--md", "--targets", *METRICS)
    report = arguments.folder / "report.md"
    report.write_text(markdown(changes, curves), encoding="utf-8")
    print(report)


def markdown(changes: str, curves: list[str]) -> str:
    """Write the report.

    Parameters
    ----------
    changes : the table of `dvc metrics diff --md`.
    curves : lines that show a picture each.
    """
    _, _, *rows = changes.strip().splitlines()
    lines = ["## Metrics, against the base", ""]
    if rows:
        lines += [changes.strip(), "", REMARK]
    else:
        lines.append("No metric changes.")
    if curves:
        lines += ["", "## Curves, of both", "", *curves]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run(main)
