"""Writes docs/results.md and its figures from the committed metrics.

python -m tools.results

What a run of results/runs.yaml gave is in metrics/results/ (`make measure NAME=...`), what the
networks from scratch gave in metrics/baselines/, and the studies in metrics/studies/. What is
missing there is said to be.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from tabulate import tabulate

from baselines import draw
from studies import learning_curve
from vision import scores
from vision.program import run

RUNS = Path("results/runs.yaml")
TEXT = Path("results/text.md")
RESULTS = Path("metrics/results")
BASELINES = Path("metrics/baselines")
HISTORIES = Path("plots/baselines")
CROSS_VALIDATION = Path("metrics/studies/cross_validation.json")
CURVE = Path("plots/studies/learning_curve.csv")
DOCUMENT = Path("docs/results.md")
FIGURES = Path("docs/results")

MISSING = "not measured"
# What the literature reports on 2,000 training pictures: accuracy on the validation pictures, or on
# the test pictures where it is said. In each row, what was measured here by its protocol: a network
# of baselines/ and a run of results/runs.yaml.
LITERATURE = [
    (
        "Keras blog, 2016",
        ["", "0.79–0.81", "0.90–0.91", "", "0.94"],
        "blog-2016",
        "keras-blog-2016-lite0",
    ),
    (
        "Deep Learning with Python, 1st edition",
        ["0.71", "0.82", "0.90", "0.96", "0.968 test"],
        "book-1st-edition",
        "book-1st-edition-lite0",
    ),
    (
        "Deep Learning with R",
        ["", "0.82", "0.90", "0.90", "0.965 test"],
        "book-1st-edition",
        "r-edition-lite0",
    ),
    (
        "Deep Learning with Python, 2nd edition",
        ["0.695 test", "0.82 test", "≈ 0.90", "0.975 test", "0.985 test"],
        "book-2nd-edition",
        "book-2nd-edition-lite0",
    ),
    ("Kaggle's winner, 2013, 25,000 pictures", ["", "", "", "", "0.989"], None, None),
]
WITHOUT_VIEWS = {"book-2nd-edition-lite0": "book-2nd-edition-lite0-plain"}
COLUMNS = [
    "from scratch",
    "with augmentation",
    "features + head",
    "features, augmented",
    "fine-tuned",
]


def main() -> None:
    runs = YAML(typ="safe", pure=True).load(RUNS)
    FIGURES.mkdir(parents=True, exist_ok=True)
    parts = {
        "literature": literature(),
        "baselines": from_scratch(),
        "runs": pretrained(runs),
        "costs": costs(runs),
        "cross_validation": cross_validation(),
        "learning_curve": curve(),
    }
    text = TEXT.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    DOCUMENT.write_text(text, encoding="utf-8", newline="\n")


def read(path: Path) -> dict | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    return tabulate(rows, header, tablefmt="github", disable_numparse=True)


def literature() -> str:
    """Draw up the literature's table, with what was measured here under each row."""
    rows = []
    for source, reported, network, name in LITERATURE:
        rows.append([source, *reported])
        if network and name:
            rows.append([f"*measured* ({name})", *measured(network, name)])
    return table(rows, ["", *COLUMNS])


def measured(network: str, name: str) -> list[str]:
    """Give the five columns of one protocol, accuracy on the test pictures."""
    cells = []
    for form in ("plain", "augmented"):
        found = read(BASELINES / f"{network}-{form}.json")
        cells.append(f"{found['test']['accuracy']:.3f}" if found else MISSING)
    found = read(RESULTS / f"{name}.json")
    views = bool(found and found["params"]["extract.views"])
    plain = read(RESULTS / f"{WITHOUT_VIEWS[name]}.json") if name in WITHOUT_VIEWS else found
    cells.append(accuracy(plain, "head") if plain else MISSING)
    cells.append(accuracy(found, "head") if found and views else "")
    cells.append(accuracy(found, "finetuned") if found else MISSING)
    return cells


def values(result: dict, model: str, figure: str = "accuracy") -> np.ndarray:
    """Give a figure of each seed, on the test pictures."""
    return np.array([of_seed["evaluate"][model][figure] for of_seed in result["seeds"].values()])


def accuracy(result: dict, model: str) -> str:
    return f"{values(result, model).mean():.4f}"


def with_interval(result: dict, model: str) -> str:
    """Give the mean accuracy over the seeds with its interval by the number of test pictures."""
    found = values(result, model)
    pictures = next(iter(result["seeds"].values()))["evaluate"]["pictures"]
    low, high = scores.accuracy_interval(found.mean() * pictures, pictures)
    spread = f" ± {found.std(ddof=1):.4f}" if len(found) > 1 else ""
    return f"{found.mean():.4f}{spread} ({low:.4f}–{high:.4f})"


def from_scratch() -> str:
    histories = {}
    rows = []
    for network, title in draw.NETWORKS.items():
        for form, form_title in draw.FORMS.items():
            found = read(BASELINES / f"{network}-{form}.json")
            if not found:
                rows.append([title, form_title, MISSING])
                continue
            histories[network, form] = pd.read_csv(HISTORIES / f"{network}-{form}.csv")
            test = found["test"]
            rows.append(
                [
                    title,
                    form_title,
                    f"{found['parameters']:,}",
                    f"{found['best_epoch']} of {found['epochs']}",
                    f"{found['validation']['accuracy']:.3f}",
                    f"{test['accuracy']:.3f} "
                    f"({test['accuracy_low']:.3f}–{test['accuracy_high']:.3f})",
                ]
            )
    header = ["network", "form", "parameters", "best epoch", "validation", "test"]
    text = table(rows, header)
    if len(histories) == len(draw.NETWORKS) * len(draw.FORMS):
        draw.draw(histories).savefig(FIGURES / "baselines.png")
        text += "\n\n![Accuracy by epoch](results/baselines.png)"
    return text


def pretrained(runs: dict) -> str:
    rows = []
    for name, content in runs.items():
        found = read(RESULTS / f"{name}.json")
        if not found:
            rows.append([f"`{name}`", content["title"], MISSING])
            continue
        each = found["seeds"].values()
        validation = [
            np.mean([of_seed[stage]["validation_loss"] for of_seed in each])
            for stage in ("head", "finetune")
        ]
        rows.append(
            [
                f"`{name}`",
                content["title"],
                str(len(found["seeds"])),
                f"{validation[0]:.4f} / {validation[1]:.4f}",
                with_interval(found, "head"),
                with_interval(found, "finetuned"),
            ]
        )
    header = ["run", "", "seeds", "validation loss, head / fine-tuned", "head", "fine-tuned"]
    return table(rows, header)


def costs(runs: dict) -> str:
    rows = []
    stages: list[str] = []
    for name in runs:
        if found := read(RESULTS / f"{name}.json"):
            cost = found["cost"]
            stages = stages or list(cost["seconds"])
            rows.append(
                [
                    f"`{name}`",
                    *(f"{cost['seconds'].get(stage, 0):.0f}" for stage in stages),
                    f"{cost['total_seconds'] / 60:.1f}",
                    f"{cost['peak_memory_mb']:,}",
                    f"{found['processor']['name']}, {found['processor']['threads']} threads",
                ]
            )
    return table(rows, ["run", *(f"{stage}, s" for stage in stages), "all, min", "memory, MB", ""])


def cross_validation() -> str:
    found = read(CROSS_VALIDATION)
    if not found:
        return f"Cross-validation: {MISSING}."
    return (
        f"{found['accuracy']:.4f} ± {found['accuracy_sd']:.4f}: mean and standard deviation over "
        f"{len(found['fold_accuracy'])} folds of {found['pictures']:,} pictures, at "
        f"l2 = {found['l2']:g}."
    )


def curve() -> str:
    if not CURVE.exists():
        return f"The learning curve: {MISSING}."
    found = pd.read_csv(CURVE)
    learning_curve.draw(found).savefig(FIGURES / "learning_curve.png")
    rows = [
        [
            f"{row.pictures_per_class:,.0f}",
            f"{row.head:.4f} ({row.head_low:.4f}–{row.head_high:.4f})",
            f"{row.finetuned:.4f} ({row.finetuned_low:.4f}–{row.finetuned_high:.4f})",
        ]
        for row in found.itertuples()
    ]
    return (
        table(rows, ["pictures of each class", "head", "fine-tuned"])
        + "\n\n![Accuracy by number of training pictures](results/learning_curve.png)"
    )


if __name__ == "__main__":
    run(main)
