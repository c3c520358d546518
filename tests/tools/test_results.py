"""docs/background/results.md: what the committed metrics give, and nothing else."""

import json
import shutil

import pytest

from tests.code import ROOT
from tools import results
from vision.runtime.errors import UserError


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    for name in ("results", "metrics", "plots"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("docs/background", "studies"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(ROOT / "studies/params.yaml", tmp_path / "studies/params.yaml")
    monkeypatch.chdir(tmp_path)
    # Drawn in the first test alone: they take seconds.
    monkeypatch.setattr(results, "draw_figures", lambda: None)
    return tmp_path


def row(name, section):
    """Write the document; return the cells of a table's row, by its first cell."""
    results.main()
    text = results.DOCUMENT.read_text(encoding="utf-8").partition(f"## {section}\n")[2]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return next(cells[1:] for cells in ([cell.strip() for cell in row] for row in rows)
                if cells[0] == name)  # fmt: skip


def write(name, content):
    path = results.METRICS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def run_of(*accuracies, pictures=1000):
    """A run, by each seed's accuracies of its head and of its fine-tuned model."""
    seeds = {
        str(seed): {
            "head": {"validation_loss": 0.1, "validation_accuracy": head + 0.01},
            "finetune": {"validation_loss": 0.1, "validation_accuracy": finetuned + 0.01},
            "evaluate": {
                "pictures": pictures,
                "head": {"accuracy": head},
                "finetuned": {"accuracy": finetuned},
            },
        }
        for seed, (head, finetuned) in enumerate(accuracies)
    }
    cost = {"seconds": {}, "total_seconds": 90, "peak_memory_mb": 1234}
    return {"seeds": seeds, "cost": cost, "processor": {"name": "a processor", "threads": 2}}


def test_the_committed_document_is_what_the_committed_metrics_give(workspace, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(workspace)
    results.main()
    written = results.DOCUMENT.read_text()
    assert written == (ROOT / "docs/background/results.md").read_text()
    drawn = {f"results/{path.name}" for path in results.FIGURES.iterdir()}
    assert drawn == {part.split(")")[0] for part in written.split("](")[1:] if ".png" in part}
    for name in drawn:
        assert (ROOT / "docs/background" / name).is_file()


@pytest.mark.parametrize("placeholder", ["{{ baselnes }}", "{{ costs.baseline.networks }}"])
def test_a_placeholder_that_stands_for_nothing_is_an_error(workspace, placeholder):
    with (workspace / "results/text.md").open("a") as file:
        file.write(placeholder)
    with pytest.raises(UserError, match=r"^results/text\.md can't be filled in: .*baseln?"):
        results.main()
    assert not results.DOCUMENT.exists()


def test_what_was_not_measured_is_said_to_be(workspace):
    for name in ("results", "baselines", "panel", "studies"):
        shutil.rmtree(workspace / "metrics" / name)
    (workspace / "plots/studies/learning_curve.csv").unlink()
    results.main()
    text = results.DOCUMENT.read_text()
    assert "| *measured* (book-2nd-edition-lite0)    | not measured" in text
    assert text.count("not measured") > 20
    for study in ("Nested cross-validation", "Cross-validation", "The learning curve"):
        assert f"\n{study}: not measured.\n" in text


def test_the_ways_of_the_panel_are_compared_on_the_splits_of_both(workspace):
    ways = {"good": (0.9, 0.8, 0.1), "plain": (0.86, 0.78), "last-maps": (0.95,), "fast": (0.5,)}
    splits = {
        way: {str(n): {"test": test, "seconds": 1234.5} for n, test in enumerate(tests)}
        for way, tests in ways.items()
    }
    write("panel/trash", splits)
    assert row("trash", "The panel") == [
        "0.820 ± 0.057 (2)",
        "0.950 (1)",
        "0.500 (1)",
        "0.600 ± 0.436 (3)",
        "",
        "+0.030 ± 0.010",  # (0.04 + 0.02) / 2, and √((0.01² + 0.01²) / 1) / √2
        "-0.050",
        "1,234 / 1,234 / 1,234",
    ]


def test_seeds_are_told_as_mean_and_deviation_with_the_interval_of_the_test_pictures(workspace):
    write("results/lite2", run_of((0.99, 0.99), (0.98, 0.98)))
    *_, head, _, minutes, memory = row("`lite2`", "With a pretrained base")
    # Wilson: (0.985 + z²/2n ± z √(0.985 · 0.015/n + z²/4n²)) / (1 + z²/n), n = 1,000, z = 1.96.
    assert head == "0.9850 ± 0.0071 (0.9754–0.9909)"
    assert (minutes, memory) == ("1.5", "1,234")


def test_a_backbone_s_loss_differs_from_the_first_one_s_fold_by_fold(workspace):
    shutil.rmtree(workspace / "metrics/studies/backbones")
    for name, losses in (("as-it-is", [0.1, 0.3] * 3), ("260-px", [0.1, 0.1] * 3)):
        folds = {"pictures": [500, 500] * 3, "wrong": [4, 6, 5, 5, 3, 7], "loss": losses}
        write(f"studies/backbones/{name}", {"repeats": 3, "folds": folds})
    section = "With a pretrained base"
    assert row("`as-it-is`", section) == ["30 of 3,000", "0.2000", ""]
    # The mean of 0 and -0.2, three times, and their deviation: 0.1 · √(6 / 5).
    assert row("`260-px`", section) == ["30 of 3,000", "0.1000", "-0.1000 ± 0.1095"]
    assert row("`300-px`", section) == ["not measured", "", ""]


def test_a_protocol_s_columns_are_its_network_s_and_its_run_s(workspace):
    for form, accuracy in (("plain", 0.7), ("augmented", 0.8)):
        path = f"baselines/book-2nd-edition-{form}"
        found = json.loads((results.METRICS / f"{path}.json").read_text())
        for split, moved in (("test", 0), ("validation", 0.01)):
            found[split]["accuracy"] = accuracy + moved
        write(path, found)
    write("results/book-2nd-edition-lite0", run_of((0.9, 0.95)))
    write("results/book-2nd-edition-lite0-plain", run_of((0.85, 0.93)))
    assert row("*measured* (book-2nd-edition-lite0)", "The literature, and its protocols here") == [
        "0.700 (0.710)",
        "0.800 (0.810)",
        "0.8500 (0.860)",
        "0.9000 (0.910)",
        "0.9500 (0.960)",
    ]
