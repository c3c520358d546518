import re

import numpy as np
import pandas as pd
import pytest

from tests.stubs import StubProject
from tools.compare import is_right, read_predictions, report
from vision.runtime.errors import UserError
from vision.runtime.files import write_csv


def predictions(labels, head, finetuned=None, classes=None):
    """A table of predictions, from the labels and what each model says: a class a picture."""
    labels, classes = list(labels), classes or sorted(set(labels))
    table = pd.DataFrame(
        {
            "file": [f"{label}/{number}.jpg" for number, label in enumerate(labels)],
            "label": labels,
            "md5": [f"digest{number}" for number in range(len(labels))],
        }
    )
    for model, said in (("head", head), ("finetuned", finetuned or head)):
        for name in classes:
            other = 0.4 / (len(classes) - 1)
            table[f"{model}_{name}"] = [0.6 if name == one else other for one in said]
    return table.set_index("file")


LABELS = "aaaaabbbbb"
# Of ten pictures the head is right on 8, the fine-tuned model on all.
BEFORE = predictions(LABELS, "aaaabbbbba", "aaaaabbbbb")
# The head now also on the fifth; the fine-tuned model not on the first.
AFTER = predictions(LABELS, "aaaaabbbba", "baaaabbbbb")


def rows(said):
    """The cells of a report's table by their row."""
    cells = [re.split(r" {2,}", line.strip()) for line in said.splitlines()]
    return {line[0]: line[1:] for line in cells if line[0] in ("head", "finetuned")}


@pytest.mark.parametrize(
    "classes",
    [
        ["c", "c++", "c+"],
        ["a_b", "a", "b"],
        ["head", "head_head", "finetuned_head"],
        ["^x$", "x", ".*"],
        ["001", "1", "1.0"],
        ["NA", "None", "nan"],
        ["a,b", 'say "a"', " a"],
    ],
    ids=lambda classes: classes[1],
)
def test_a_class_may_have_any_name(classes, tmp_path, monkeypatch):
    labels = classes * 2
    written = predictions(labels, classes + classes[1:] + classes[:1], labels, classes)
    write_csv(written.reset_index(), tmp_path / "data/predictions.csv")
    monkeypatch.chdir(tmp_path)
    read = read_predictions("workspace")
    pd.testing.assert_frame_equal(read, written)
    assert is_right(read, "head").tolist() == [True] * 3 + [False] * 3
    assert is_right(read, "finetuned").all()


# --- the report ---


def test_the_table_tells_each_model_how_it_changed():
    said = report("main", BEFORE, "slow", AFTER)
    assert said.startswith("A = main, B = slow\n")
    # The interval: one and two more flips of 12 pictures, or two and one.
    reach = 100 * 1.959963984540054 * np.sqrt((3 / 12 - 1 / 144) / 12)
    interval = f"{100 / 12 - reach:+.2f} to {100 / 12 + reach:+.2f}"
    assert rows(said)["head"] == ["0.8000", "0.9000", "+10.00", interval, "0", "1", "1"]
    turned = f"{-100 / 12 - reach:+.2f} to {-100 / 12 + reach:+.2f}"
    assert rows(said)["finetuned"] == ["1.0000", "0.9000", "-10.00", turned, "1", "0", "1"]
    head, finetuned = said.split("\n\n")[2:]
    assert head.startswith("head: The difference may well be luck: of 10 test pictures slow gets 1")
    assert head.endswith("\nonly slow is right on: a/4.jpg")
    assert finetuned.endswith("\nonly main is right on: a/0.jpg")


@pytest.mark.parametrize(
    "other",
    [AFTER.sample(frac=1, random_state=0), AFTER[AFTER.columns[::-1]]],
    ids=["pictures", "columns"],
)
def test_the_order_does_not_matter(other):
    assert report("main", BEFORE, "slow", other) == report("main", BEFORE, "slow", AFTER)


def test_one_revision_named_twice_is_told_apart_as_a_and_b():
    said = report("HEAD", BEFORE, "HEAD", AFTER)
    assert "only B is right on: a/4.jpg" in said
    assert "only A is right on: a/0.jpg" in said
    assert "HEAD gets" not in said


def test_a_long_line_is_broken_but_no_name_is():
    labels = "a" * 40
    before = predictions(labels, "b" * 40, classes=["a", "b"])
    names = [f"a/puffy-daks-{'x' * number}.jpg" for number in range(39)] + [f"a/{'y' * 150}.jpg"]
    before.index = names
    after = before.assign(head_a=0.9)
    said = report("main", before, "cold-hand", after)
    written = {word.rstrip(",") for line in said.splitlines() for word in line.split()}
    assert set(names) | {"cold-hand"} <= written
    assert all(len(line) <= 100 for line in said.splitlines() if "y" * 150 not in line)


def test_every_kind_of_difference_is_told():
    """Other bytes under the same name are another picture."""
    other = AFTER.rename(index={"a/0.jpg": "a/10.jpg"})
    other.loc["a/1.jpg", "md5"] = "another digest"
    other.loc["a/2.jpg", "label"] = "b"
    with pytest.raises(UserError) as caught:
        report("main", BEFORE, "slow", other)
    assert str(caught.value) == (
        "the two runs were tested on different pictures, so their figures can't be compared: "
        "a/0.jpg are in main only; a/10.jpg are in slow only; "
        "a/1.jpg are other pictures in slow than in main; "
        "a/2.jpg have another label in slow than in main"
    )


# --- the command ---

PREDICTIONS = "data/predictions.csv"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Runs whose fine-tuned models get 10 (HEAD), 5 (gentle) and 1 (slow) of 30 wrong."""
    project = StubProject(tmp_path_factory.mktemp("compare") / "project")

    def on_a_branch(name):
        project.run("git", "checkout", "--quiet", "-b", name)
        project.commit(name)
        project.run("git", "checkout", "--quiet", "-")

    project.set(lr=1e-4)
    project.commit("Nothing has run yet")
    project.run("git", "tag", "unrun")
    project.repro()
    project.commit("Run the pipeline")
    project.run("git", "tag", "first")
    project.set(lr=5e-5)
    project.repro()
    on_a_branch("gentle")
    stub = project.folder / "stub.py"
    stub.write_text(stub.read_text().replace(",md5", "").replace(', f"digest{number}"', ""))
    project.repro()
    on_a_branch("old")
    project.dvc("exp", "run", "-n", "slow", "-S", "lr=1e-5")
    return project


def commit_of(project, branch):
    return project.run("git", "rev-parse", "--short=8", branch).stdout.strip()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("HEAD", "workspace", ["0.6667", "0.9667", "+30.00"]),
        ("gentle", "slow", ["0.8333", "0.9667", "+13.33"]),
        ("first", commit_of, ["0.6667", "0.8333", "+16.67"]),
    ],
)
def test_two_runs_are_compared_by_any_of_their_names(project, a, b, expected):
    b = b(project, "gentle") if callable(b) else b
    done = project.few("compare", a, b)
    assert done.stdout.startswith(f"A = {a}, B = {b}\n")
    assert rows(done.stdout)["finetuned"][:3] == expected
    assert rows(done.stdout)["head"][:3] == ["0.9000", "0.9000", "+0.00"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        ("no-such", "no-such is no branch, tag, commit or experiment"),
        (
            "unrun",
            "unrun has no data/predictions.csv here; `dvc pull` it, or run `dvc repro` there",
        ),
        ("old", "old comes from a version that told no digests of its pictures; run it again"),
    ],
)
def test_a_revision_that_has_nothing_to_compare_is_refused_in_one_line(project, revision, expected):
    done = project.few("compare", "HEAD", revision, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {expected}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_workspace_without_predictions_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"workspace has no {PREDICTIONS} here; `dvc pull` it"):
        read_predictions("workspace")
