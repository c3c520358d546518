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
        "+0.030 ± 0.010",  # (0.04 + 0.02) / 2, and √((0.01² + 0.01²) / 1) / √2
        "-0.050",
        "1,234 / 1,234 / 1,234",
    ]
