"""Writes docs/results.md and its figures from the committed metrics.

python -m tools.results

What a run of results/runs.yaml gave is in metrics/results/ (`make measure NAME=...`), what the
networks from scratch gave in metrics/baselines/, the panel (`python -m benchmarks.panel FOLDER`) in
metrics/panel/, and the studies in metrics/studies/. What is
missing there is said to be.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from tabulate import tabulate

from baselines import draw
from studies import learning_curve
from vision.evaluation import scores
from vision.runtime.files import read_json
from vision.runtime.program import run

RUNS = Path("results/runs.yaml")
TEXT = Path("results/text.md")
PIPELINE = Path("dvc.yaml")
STUDIES = Path("studies/params.yaml")
# The same fine-tuning from stored views, and from views that every epoch makes anew.
STORED_AND_FRESH = [("lite0", "lite0-fresh"), ("lite0-block7a", "lite0-block7a-fresh")]
PANEL = Path("results/panel.yaml")
PANEL_MEASURED = Path("metrics/panel")
RESULTS = Path("metrics/results")
BASELINES = Path("metrics/baselines")
# Measured by a program that is gone; results/text.md names the commit.
COSTS_OF_BASELINES = Path("metrics/costs/baselines.json")
HISTORIES = Path("plots/baselines")
CROSS_VALIDATION = Path("metrics/studies/cross_validation.json")
HEADS = Path("metrics/studies/heads")
NESTED = Path("metrics/studies/nested.json")
BACKBONES = Path("metrics/studies/backbones")
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
# The panel's ways, by what the table calls them.
WAYS = {
    "plain": "plain Keras",
    "last-maps": "before",
    "fast": "fast",
    "good": "good",
    "best": "best",
}
COMPARED = ("plain", "last-maps")
TIMED = ("plain", "fast", "good")
# Runs of the other head of a protocol: on the pictures as they are, or on augmented views.
WITHOUT_VIEWS = {"book-2nd-edition-lite0": "book-2nd-edition-lite0-plain"}
WITH_VIEWS = {
    "book-1st-edition-lite0": "book-1st-edition-lite0-views",
    "r-edition-lite0": "book-1st-edition-lite0-views",
    "book-2nd-edition-lite0": "book-2nd-edition-lite0",
}
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
        "panel": panel(),
        "literature": literature(),
        "baselines": from_scratch(),
        "runs": pretrained(runs),
        "paired": paired(),
        "costs": costs(runs),
        "nested": nested(),
        "backbones": backbones(),
        "cross_validation": cross_validation(),
        "learning_curve": curve(),
    }
    text = TEXT.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    DOCUMENT.write_text(text, encoding="utf-8", newline="\n")


def read(path: Path) -> dict | None:
    return read_json(path) if path.exists() else None


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    return tabulate(rows, header, tablefmt="github", disable_numparse=True)


def panel() -> str:
    """Draw up the panel: the test accuracy of each way on each set, over its splits."""
    sets = YAML(typ="safe", pure=True).load(PANEL)["sets"]
    rows = []
    for name in sets:
        if not (found := read(PANEL_MEASURED / f"{name}.json")):
            continue
        accuracies = {
            way: {seed: split["test"] for seed, split in splits.items()}
            for way, splits in found.items()
        }
        seconds = [
            f"{next(iter(found[way].values()))['seconds']:,.0f}" if way in found else ""
            for way in TIMED
        ]
        rows.append(
            [
                name,
                *(spread(list(accuracies.get(way, {}).values())) for way in WAYS),
                *(gain(accuracies.get("good", {}), accuracies.get(way, {})) for way in COMPARED),
                " / ".join(seconds),
            ]
        )
    return table(
        rows,
        [
            "set",
            *WAYS.values(),
            *(f"good − {WAYS[way]}" for way in COMPARED),
            f"seconds, {' / '.join(WAYS[way] for way in TIMED)}",
        ],
    )


def spread(values: Sequence[float]) -> str:
    """Give the mean, the deviation, and how many there are."""
    if not values:
        return ""
    deviation = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{deviation} ({len(values)})"


def gain(ours: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    """Give the mean difference on the splits of both, and its standard error."""
    differences = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    if not differences:
        return ""
    error = np.std(differences, ddof=1) / len(differences) ** 0.5 if len(differences) > 1 else None
    return f"{np.mean(differences):+.3f}" + (f" ± {error:.3f}" if error is not None else "")


def literature() -> str:
    """Draw up the literature's table, with what was measured here under each row."""
    rows = []
    for source, reported, network, name in LITERATURE:
        rows.append([source, *reported])
        if network and name:
            rows.append([f"*measured* ({name})", *measured(network, name)])
    return table(rows, ["", *COLUMNS])


def measured(network: str, name: str) -> list[str]:
    """Give the five columns of one protocol, accuracy on the test and the validation pictures."""
    cells = []
    for form in ("plain", "augmented"):
        found = read(BASELINES / f"{network}-{form}.json")
        both = [found[split]["accuracy"] for split in ("test", "validation")] if found else []
        cells.append("{:.3f} ({:.3f})".format(*both) if found else MISSING)
    found = read(RESULTS / f"{name}.json")
    plain = read(RESULTS / f"{WITHOUT_VIEWS.get(name, name)}.json")
    cells.append(accuracy(plain, "head") if plain else MISSING)
    views = read(RESULTS / f"{WITH_VIEWS[name]}.json") if name in WITH_VIEWS else None
    cells.append(accuracy(views, "head") if views else MISSING if name in WITH_VIEWS else "")
    cells.append(accuracy(found, "finetuned") if found else MISSING)
    return cells


def values(result: dict, model: str, figure: str = "accuracy") -> np.ndarray:
    """Give a figure of each seed, on the test pictures."""
    return np.array([of_seed["evaluate"][model][figure] for of_seed in result["seeds"].values()])


def accuracy(result: dict, model: str) -> str:
    stage = {"head": "head", "finetuned": "finetune"}[model]
    validation = [of_seed[stage]["validation_accuracy"] for of_seed in result["seeds"].values()]
    return f"{values(result, model).mean():.4f} ({np.mean(validation):.3f})"


def with_interval(result: dict, model: str) -> str:
    """Give the mean accuracy over the seeds with its interval by the number of test pictures."""
    found = values(result, model)
    pictures = next(iter(result["seeds"].values()))["evaluate"]["pictures"]
    low, high = scores.accuracy_interval(found.mean() * pictures, pictures)
    spread = f" ± {found.std(ddof=1):.4f}" if len(found) > 1 else ""
    return f"{found.mean():.4f}{spread} ({low:.4f}–{high:.4f})"


def with_deviation(figures: Sequence[float]) -> str:
    spread = f" ± {np.std(figures, ddof=1):.4f}" if len(figures) > 1 else ""
    return f"{np.mean(figures):.4f}{spread}"


def from_scratch() -> str:
    costs = read(COSTS_OF_BASELINES) or {"networks": {}}
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
                    *cost_of(costs["networks"].get(f"{network}-{form}"), found["epochs"]),
                ]
            )
    header = ["network", "form", "parameters", "best epoch", "validation", "test"]
    text = table(rows, [*header, "an epoch, s", "all, min", "memory, MB"])
    if len(histories) == len(draw.NETWORKS) * len(draw.FORMS):
        draw.draw(histories).savefig(FIGURES / "baselines.png")
        text += "\n\n![Accuracy by epoch](results/baselines.png)"
    return text


def cost_of(network: dict | None, epochs: int) -> list[str]:
    """Tell a network's seconds an epoch, its minutes of so many epochs, and its memory."""
    if not network:
        return [MISSING]
    seconds = network["first_epoch_seconds"] + (epochs - 1) * network["epoch_seconds"]
    return [
        f"{network['epoch_seconds']:.1f}",
        f"{seconds / 60:.1f}",
        f"{network['peak_memory_mb']:,}",
    ]


def pretrained(runs: dict) -> str:
    rows = []
    for name, content in runs.items():
        found = read(RESULTS / f"{name}.json")
        if not found:
            rows.append([f"`{name}`", content["title"], MISSING])
            continue
        each = found["seeds"].values()
        validation = [
            [of_seed[stage]["validation_loss"] for of_seed in each]
            for stage in ("head", "finetune")
        ]
        rows.append(
            [
                f"`{name}`",
                content["title"],
                str(len(found["seeds"])),
                " / ".join(with_deviation(losses) for losses in validation),
                with_deviation(as_tested) if (as_tested := losses_as_tested(found)) else "",
                with_interval(found, "head"),
                with_interval(found, "finetuned"),
            ]
        )
    header = ["run", "", "seeds", "validation loss, head / fine-tuned", "as tested"]
    return table(rows, [*header, "head", "fine-tuned"])


def losses_as_tested(result: dict) -> list[float]:
    """Give each seed's loss of the final model on the validation pictures, seen as the test's are.

    Earlier measurements have none.
    """
    each = result["seeds"].values()
    return [
        of_seed["calibrate"]["validation"]["loss_before"]
        for of_seed in each
        if "calibrate" in of_seed
    ]


def paired() -> str:
    """Draw up what stored and fresh views came to on the validation pictures, seed by seed."""
    rows = []
    for names in STORED_AND_FRESH:
        stored, fresh = (read(RESULTS / f"{name}.json") for name in names)
        if not stored or not fresh:
            rows.append([f"`{names[0]}`", MISSING])
            continue
        for seed in sorted(stored["seeds"].keys() & fresh["seeds"].keys()):
            one, other = (run["seeds"][seed]["finetune"] for run in (stored, fresh))
            rows.append(
                [
                    f"`{names[0]}`",
                    seed,
                    f"{one['validation_loss_before']:.4f}",
                    *(f"{run['validation_loss']:.4f}" for run in (one, other)),
                    *(f"{run['validation_accuracy']:.3f}" for run in (one, other)),
                ]
            )
    header = [
        "run",
        "seed",
        "loss of the head",
        *(f"{name}, {way}" for name in ("loss", "accuracy") for way in ("stored", "fresh")),
    ]
    return table(rows, header)


def costs(runs: dict) -> str:
    rows = []
    stages = list(YAML(typ="safe", pure=True).load(PIPELINE)["stages"])
    for name in runs:
        if found := read(RESULTS / f"{name}.json"):
            cost = found["cost"]
            rows.append(
                [
                    f"`{name}`",
                    *(
                        f"{cost['seconds'][stage]:.0f}" if stage in cost["seconds"] else ""
                        for stage in stages
                    ),
                    f"{cost['total_seconds'] / 60:.1f}",
                    f"{cost['peak_memory_mb']:,}",
                    f"{found['processor']['name']}, {found['processor']['threads']} threads",
                ]
            )
    return table(rows, ["run", *(f"{stage}, s" for stage in stages), "all, min", "memory, MB", ""])


def nested() -> str:
    """Draw up what ways to train the head came to where they were not chosen by."""
    found = read(NESTED)
    if not found:
        return f"Nested cross-validation: {MISSING}."
    rows = [
        [
            f"`{name}`",
            f"{way['wrong']:,} of {way['pictures']:,}",
            f"{way['loss']:.4f}",
            f"{way['difference']:+.4f} ± {way['difference_sd']:.4f}",
        ]
        for name, way in found["ways"].items()
    ]
    return table(rows, ["way", "wrong", "loss", "difference, fold by fold"])


def backbones() -> str:
    """Draw up what the head came to on each backbone, and how it differs from the pipeline's."""
    settings = YAML(typ="safe", pure=True).load(STUDIES)["backbones"]["settings"]
    found = {name: read(BACKBONES / f"{name}.json") for name in settings}
    own = found[next(iter(settings))]
    rows = []
    for name, changes in settings.items():
        what = ", ".join(
            f"{key}: {'null' if value is None else value}" for key, value in changes.items()
        )
        if not (of_name := found[name]) or not own:
            rows.append([f"`{name}`", what, MISSING])
            continue
        folds, first = (pd.DataFrame(each["folds"]) for each in (of_name, own))
        differences = folds["loss"] - first["loss"]
        rows.append(
            [
                f"`{name}`",
                what,
                f"{folds['wrong'].sum():,} of {folds['pictures'].sum():,}",
                cross_validated(folds, of_name["repeats"]),
                f"{folds['loss'].mean():.4f}",
                f"{differences.mean():+.4f} ± {differences.std(ddof=1):.4f}"
                if differences.any()
                else "",
            ]
        )
    header = ["backbone", "sets", "wrong", "accuracy", "loss", "difference, fold by fold"]
    return table(rows, header)


def cross_validated(folds: pd.DataFrame, repeats: int) -> str:
    """Give the accuracy over all folds with its interval by the number of different pictures."""
    pictures = folds["pictures"].sum() / repeats
    right = pictures - folds["wrong"].sum() / repeats
    low, high = scores.accuracy_interval(right, pictures)
    return f"{right / pictures:.4f} ({low:.4f}–{high:.4f})"


def cross_validation() -> str:
    found = read(CROSS_VALIDATION)
    if not found:
        return f"Cross-validation: {MISSING}."
    return (
        f"{found['accuracy']:.4f} ± {found['accuracy_sd']:.4f}: mean and standard deviation over "
        f"{len(found['fold_accuracy'])} folds of {found['pictures']:,} pictures in "
        f"{found['groups']:,} groups, at "
        f"l2 = {found['l2']:g}."
    )


def curve() -> str:
    if not CURVE.exists():
        return f"The learning curve: {MISSING}."
    found = pd.read_csv(CURVE)
    learning_curve.draw(found).savefig(FIGURES / "learning_curve.png")
    rows = []
    for row in found.itertuples():
        head = read(HEADS / f"{row.pictures_per_class:.0f}.json")
        rows.append(
            [
                f"{row.pictures_per_class:,.0f}",
                f"{row.head:.4f} ({row.head_low:.4f}–{row.head_high:.4f})",
                f"{row.finetuned:.4f} ({row.finetuned_low:.4f}–{row.finetuned_high:.4f})",
                f"{head['pipeline_accuracy']:.4f}" if head else MISSING,
            ]
        )
    return (
        table(rows, ["pictures of each class", "head", "fine-tuned", "from a head of"])
        + "\n\n![Accuracy by number of training pictures](results/learning_curve.png)"
    )


if __name__ == "__main__":
    run(main)
