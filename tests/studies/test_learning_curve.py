"""The table and the figure of the learning curve."""

import numpy as np
import pytest

from studies import learning_curve
from studies.train_heads import summarise
from vision.runtime.errors import UserError
from vision.runtime.files import write_json

FINETUNED = {"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95}


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Sizes 5 and 10; 20 was left out."""
    monkeypatch.chdir(tmp_path)
    for size, values in ((5, [0.6, 0.8]), (10, [0.9])):
        head = summarise(values, 50)
        write_json(head, learning_curve.MEASURED["head"] / f"{size}.json")
        write_json(FINETUNED, learning_curve.MEASURED["finetuned"] / f"{size}.json")
    for folder in learning_curve.MEASURED.values():
        write_json({"available": 10}, folder / "20.json")


def test_draws_are_summarised(measured):
    summary = summarise([0.6, 0.8], 50)
    assert summary["draws"] == 2
    assert summary["accuracy"] == pytest.approx(0.7)
    assert (summary["lowest"], summary["highest"]) == (0.6, 0.8)
    assert summary["accuracy_sd"] == pytest.approx(np.sqrt(0.02))
    # Wilson's interval of 35 out of 50, by hand: z = 1.959964.
    assert summary["accuracy_low"] == pytest.approx(0.5625, abs=1e-4)
    assert summary["accuracy_high"] == pytest.approx(0.8090, abs=1e-4)
    assert "accuracy_sd" not in summarise([0.6], 50)


def test_the_table_has_a_row_for_each_size_that_there_is(measured, capsys):
    table = learning_curve.tabulate([5, 10, 20])
    assert table["pictures_per_class"].tolist() == [5, 10]
    assert table["head"].tolist() == pytest.approx([0.7, 0.9])
    assert table["head_draws"].tolist() == [2, 1]
    assert table["finetuned"].tolist() == [0.9, 0.9]
    assert table["finetuned_low"].tolist() == [0.8, 0.8]
    assert capsys.readouterr().out == "20 pictures of each class are left out\n"
    with pytest.raises(UserError, match=r"learning_curve.sizes = \[20\], all of them more than"):
        learning_curve.tabulate([20])


@pytest.mark.parametrize("sizes", [[5, 10], [10]])
def test_the_figure_shows_the_table(measured, sizes):
    table = learning_curve.tabulate(sizes)
    (axes,) = learning_curve.draw(table).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [str(size) for size in sizes]
    drawn = [line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) == len(sizes)]
    for model in ("head", "finetuned"):
        assert any(np.array_equal(values, table[model]) for values in drawn)
