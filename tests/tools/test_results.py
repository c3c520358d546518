"""docs/results.md: what the committed metrics give, and nothing else."""

import json
import re
import shutil

import pandas as pd
import pytest
from ruamel.yaml import YAML

from tests.code import ROOT
from tools import results


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    for name in ("results", "metrics", "plots"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    (tmp_path / "studies").mkdir()
    shutil.copy(ROOT / "studies/params.yaml", tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_committed_document_is_what_the_committed_metrics_give(workspace):
    results.main()
    written = (workspace / "docs/results.md").read_text()
    assert written == (ROOT / "docs/results.md").read_text()
    assert "{{" not in written


def test_every_figure_of_the_document_is_there(workspace):
    results.main()
    drawn = {f"results/{path.name}" for path in (workspace / "docs/results").iterdir()}
    text = (workspace / "docs/results.md").read_text()
    assert drawn == {part.split(")")[0] for part in text.split("](")[1:] if ".png" in part}
    for name in drawn:
        assert (ROOT / "docs" / name).is_file()


def test_what_was_not_measured_is_said_to_be(workspace):
    shutil.rmtree(workspace / "metrics/results", ignore_errors=True)
    shutil.rmtree(workspace / "metrics/baselines")
    results.main()
    text = (workspace / "docs/results.md").read_text()
    assert "| *measured* (book-2nd-edition-lite0)    | not measured" in text


def test_of_the_panel_each_way_has_mean_deviation_and_number_of_splits():
    assert results.spread([0.9, 0.8]) == "0.850 ± 0.071 (2)"
    assert results.spread([0.9]) == "0.900 (1)"
    assert results.spread([]) == ""


def test_two_ways_are_compared_on_the_splits_of_both():
    ours, theirs = {"1": 0.9, "2": 0.8, "3": 0.1}, {"1": 0.86, "2": 0.78}
    # (0.04 + 0.02) / 2, and √((0.01² + 0.01²) / 1) / √2.
    assert results.gain(ours, theirs) == "+0.030 ± 0.010"
    assert results.gain({"1": 0.9}, {"1": 0.95}) == "-0.050"
    assert results.gain(ours, {}) == ""


def test_seeds_are_told_as_mean_and_deviation_with_the_interval_of_the_test_pictures():
    def of_seed(accuracy):
        return {"evaluate": {"pictures": 1000, "head": {"accuracy": accuracy}}}

    result = {"seeds": {"1": of_seed(0.99), "2": of_seed(0.98)}}
    # Wilson: (0.985 + z²/2n ± z √(0.985 · 0.015/n + z²/4n²)) / (1 + z²/n), n = 1,000, z = 1.96.
    assert results.with_interval(result, "head") == "0.9850 ± 0.0071 (0.9754–0.9909)"


def test_repeated_folds_are_told_with_the_interval_of_the_different_pictures():
    folds = pd.DataFrame({"pictures": [500, 500] * 3, "wrong": [4, 6, 5, 5, 3, 7]})
    # Wilson, as above, of 990 of 1,000.
    assert results.cross_validated(folds, 3) == "0.9900 (0.9817–0.9946)"


def test_a_backbone_s_loss_differs_from_the_first_one_s_fold_by_fold(workspace):
    settings = YAML(typ="safe").load(ROOT / "studies/params.yaml")["backbones"]["settings"]
    first, second, *_ = settings
    folder = workspace / "metrics/studies/backbones"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, losses in ((first, [0.1, 0.3]), (second, [0.1, 0.1])):
        folds = {"pictures": [50, 50], "wrong": [1, 0], "loss": losses}
        (folder / f"{name}.json").write_text(json.dumps({"repeats": 1, "folds": folds}))
    lines = results.backbones().splitlines()[2:]
    assert len(lines) == len(settings)
    # The mean of 0 and -0.2, and their deviation, 0.2/√2.
    assert "| 1 of 100 " in lines[1]
    assert "| 0.1000 | -0.1000 ± 0.1414" in re.sub(" +", " ", lines[1])
    assert results.MISSING in lines[2]


def test_a_network_s_minutes_are_those_of_its_first_epoch_and_of_the_others():
    cost = {"first_epoch_seconds": 30.0, "epoch_seconds": 10.0, "peak_memory_mb": 1234}
    assert results.cost_of(cost, 10) == ["10.0", "2.0", "1,234"]
    assert results.cost_of(None, 10) == ["not measured"]


def test_a_protocol_s_columns_are_its_network_s_and_its_run_s(workspace):
    def write(name, test):
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(test))

    for form, accuracy in (("plain", 0.7), ("augmented", 0.8)):
        content = {"test": {"accuracy": accuracy}, "validation": {"accuracy": accuracy + 0.01}}
        write(f"metrics/baselines/book-2nd-edition-{form}.json", content)

    def run(views, head, finetuned):
        seed = {
            "head": {"validation_accuracy": head + 0.01},
            "finetune": {"validation_accuracy": finetuned + 0.01},
            "evaluate": {"head": {"accuracy": head}, "finetuned": {"accuracy": finetuned}},
        }
        return {"params": {"extract.views": views}, "seeds": {"1": seed}}

    write("metrics/results/book-2nd-edition-lite0.json", run(10, 0.9, 0.95))
    write("metrics/results/book-2nd-edition-lite0-plain.json", run(0, 0.85, 0.93))
    assert results.measured("book-2nd-edition", "book-2nd-edition-lite0") == [
        "0.700 (0.710)",
        "0.800 (0.810)",
        "0.8500 (0.860)",
        "0.9000 (0.910)",
        "0.9500 (0.960)",
    ]
