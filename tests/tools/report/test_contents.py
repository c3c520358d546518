import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from serving.run import read_run
from tests.tools.report.conftest import PARAMS, patch_revision
from tools.experiment import set_params
from tools.report import changes, contents, page
from vision.runtime.errors import UserError


@pytest.fixture
def folder(finished_run, tmp_path, monkeypatch):
    """A copy of the finished run, to work in and to change."""
    copied = shutil.copytree(finished_run, tmp_path / "run")
    monkeypatch.chdir(copied)
    return copied


def test_the_surest_mistakes_come_first_with_their_heat(whole):
    found, _ = whole
    assert found.count_mistakes == 4
    assert found.confusion == [[6, 2], [2, 6]]
    assert [(each["label"], each["said"]) for each in found.mistakes] == [
        (found.classes[0], found.classes[1]),
        (found.classes[1], found.classes[0]),
    ] * 2
    names = [each["file"].split("/")[1] for each in found.mistakes]
    assert names == ["1.png", "1.png", "0.png", "0.png"]
    # 0.60, calibrated with a temperature of 1.5.
    powers = 0.6 ** (1 / 1.5), 0.4 ** (1 / 1.5)
    assert found.mistakes[0]["probability"] == pytest.approx(powers[0] / sum(powers))
    for each in found.mistakes:
        pictures = (each[name].split('"')[1] for name in ("picture", "for_said", "for_label"))
        assert len({*pictures}) == 3


def test_what_the_audit_found_is_shown_whether_it_can_be_seen_or_not(whole):
    found, text = whole
    assert found.audit == [("pictures looked at", 26), ("copies: equal", 1), ("odd: broken", 1)]
    assert [(each["file"], each["picture"] is not None) for each in found.findings] == [
        ("copy.png", True),
        ("broken.png", False),
        ("shot.webp", True),
        ("shot.webp", True),
    ]
    assert "it is x.png&#39;s &lt;copy&gt;" in text
    assert "<p>The border alone tells the classes with a balanced accuracy of 90%, where" in text
    # A mistake is known by the first thing that the audit found of it.
    assert [each["finding"] for each in found.mistakes] == ["label", "", "", ""]
    assert text.count("; audit: ") == 1


def test_a_run_without_an_audit_has_no_word_of_it(within):
    found = contents.gather(None)
    assert not found.audit
    assert not any(each["finding"] for each in found.mistakes)
    assert found.changes is None
    text = page.render(found)
    assert "What the audit" not in text
    assert "pictures looked at" not in text
    assert "What changed" not in text


def test_only_where_classes_are_unequal_it_says_what_always_saying_one_would_score(whole, folder):
    assert not re.search("[Aa]lways saying|Balanced accuracy|the balanced accuracy", whole[1])
    counts = json.loads((folder / "metrics/subset.json").read_text())
    counts["test"] = dict(zip(whole[0].classes, (7, 9), strict=True))
    (folder / "metrics/subset.json").write_text(json.dumps(counts))
    text = page.render(contents.gather(None))
    rows = dict(re.findall(r'<th scope="row">([^<]*)</th>\s*<td>(.*?)</td>', text))
    name = "Größtdampfschifffahrt &amp; mehr"
    always = rows[f"Accuracy of always saying {name}"]
    assert always == '0.500 <span class="note">0.280–0.720</span>'
    assert f"Always saying {name} would get 50.0 % of them right." in text
    assert rows["Balanced accuracy"] == rows["Recall"]


# A list without spaces, as DVC writes it.
RATES = str(PARAMS["lr"]).replace(" ", "")


def test_parameters_are_those_of_the_run(folder):
    unchanged = contents.gather(None)
    assert not unchanged.changed
    others = {"augmentation.rotation": 0, "evaluate.mistakes": 1, "finetune.epochs": 77, "lr": 1}
    set_params(folder / "params.yaml", others)
    found = contents.gather(None)
    assert found.changed == list(others)
    assert all(f"<li>{name}</li>" in page.render(found) for name in others)
    assert len(found.mistakes) == 4
    assert found.views == unchanged.views
    assert ("lr", RATES) in found.parameters[""]
    assert ("epochs", str(PARAMS["finetune"]["epochs"])) in found.parameters["finetune"]


def test_of_many_classes_the_most_frequent_mistakes_are_listed():
    table = np.array([[0, 2, 0], [0, 1, 0], [3, 0, 0]])
    assert contents.confused(table, ["a", "b", "c"]) == [("c", "a", 3), ("a", "b", 2)]


def test_it_says_what_was_found_of_splits_groups_and_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert contents.given() == ""
    Path("data").mkdir()
    table = Path("data/pictures.csv")
    table.write_text("file,split,group,folder,weight\na/1.png,,,,\na/2.png,,,,\n")
    assert contents.given() == ""
    table.write_text(
        "file,split,group,folder,weight\na/1.png,test,tom,,\na/2.png,train,tom,,\na/3.png,train,,,2\n"
    )
    assert contents.given() == (
        "Of 3 pictures that were found, 2 were given for train, 1 were given for test, "
        "2 have a group, 1 have a weight."
    )


@pytest.mark.parametrize("missing", ["metrics/evaluate.json", "dvc.lock", "data/subset/test"])
def test_what_is_missing_is_named(missing, folder):
    (folder / missing).rename(folder / "elsewhere")
    with pytest.raises(UserError, match=rf"^{missing} is missing; `few train`"):
        contents.gather(None)


def test_a_place_where_it_cannot_be_written_is_refused_before_all_work(within, monkeypatch):
    monkeypatch.setattr(contents, "gather", None)
    with pytest.raises(UserError, match=r"since models/finetuned\.keras is no folder"):
        page.write(Path("models/finetuned.keras/report.html"))


def test_a_fine_tuning_that_did_not_help_is_drawn_and_called_discarded(whole, folder):
    assert [(name, discarded) for name, discarded, _ in whole[0].curves] == [("The head", "")]
    assert "discarded" not in whole[1]
    shutil.copy("plots/head.csv", "plots/finetune.csv")
    before = {"validation_loss_before": 0.25, "validation_accuracy_before": 0.875}
    summary = {"epochs": 3, "best_epoch": 0} | before
    (folder / "metrics/finetune.json").write_text(json.dumps(summary))
    found = contents.gather(None)
    _, (name, discarded, (loss, accuracy)) = found.curves
    assert (name, discarded[:23]) == ("Fine-tuning", "No epoch had less loss ")
    assert "it was 0.250 before the training, which was kept, and ends at 0.700" in loss
    assert "it was 0.875 before" in accuracy
    assert "what was trained is discarded" in page.render(found)


def test_a_network_that_was_no_better_beside_the_others_is_called_discarded(folder):
    """Its curve begins with what it had itself, not the whole model."""
    shutil.copy("plots/head.csv", "plots/finetune.csv")
    block = {"epochs": 3, "best_epoch": 2, "learning_rate": 4e-4} | measures(0.6, 0.8)
    block |= measures(0.9, 0.5, "_before")
    weights = {"efficientnet_lite0": 0.01, "others": 1.02}
    summary = {"epochs": 3, "best_epoch": 0, "blocks": {"block5a": block}}
    summary |= {"stacked": {"weights": weights} | measures(0.26, 0.875)}
    summary |= measures(0.25, 0.875) | measures(0.25, 0.875, "_before")
    (folder / "metrics/finetune.json").write_text(json.dumps(summary))
    found = contents.gather(None)
    _, (_, discarded, (loss, accuracy)) = found.curves
    assert "it was 0.900 before the training, which was kept, and ends at 0.700" in loss
    assert "it was 0.500 before" in accuracy
    assert discarded.startswith("Beside the others, the trained network was no better than")
    said = page.render(found)
    assert f"<p>{discarded}, so what was trained is discarded, and" in said
    assert "No epoch had less loss" not in said
    assert "others 1.02 times. That is discarded, and the model is as it was." in said
    assert table("What fine-tuning tried")[0][-3:] == ["0.2500", "87.5", "%"]


def table(heading):
    """Write the page of this run; give the words of each row of a table."""
    text = page.render(contents.gather(None))
    found = text[text.index(heading) :].partition("</table>")[0]
    return [re.sub(r"<[^>]*>", " ", row).split() for row in found.split("<tr>")[2:]]


def measures(loss, accuracy, when=""):
    return {f"validation_loss{when}": loss, f"validation_accuracy{when}": accuracy}


def test_the_blocks_that_fine_tuning_tried_are_listed(whole, folder):
    assert "What fine-tuning tried" not in whole[1]
    shutil.copy("plots/head.csv", "plots/finetune.csv")
    blocks = {
        "block7a": {"epochs": 2, "best_epoch": 1, "learning_rate": 4e-4} | measures(0.2, 0.875),
        "block5a": {"epochs": 1, "best_epoch": 0, "learning_rate": 1e-4} | measures(0.2, 0.875),
    }
    summary = {"epochs": 3, "best_epoch": 1, "blocks": blocks} | measures(0.2, 0.875)
    summary |= measures(0.25, 0.75, "_before")
    (folder / "metrics/finetune.json").write_text(json.dumps(summary))
    assert table("What fine-tuning tried") == [
        ["the", "head", "alone", "0.2500", "75.0", "%"],
        ["block7a", "0.0004", "2", "1", "0.2000", "87.5", "%"],
        ["block5a", "0.0001", "1", "none", "0.2000", "87.5", "%"],
    ]
    # Older runs have no learning rate of a block.
    older = {name: dict(block) for name, block in blocks.items()}
    del older["block7a"]["learning_rate"]
    (folder / "metrics/finetune.json").write_text(json.dumps(summary | {"blocks": older}))
    assert table("What fine-tuning tried")[1] == ["block7a", "2", "1", "0.2000", "87.5", "%"]
    weights = {"efficientnet_lite0": 0.64, "others": 0.31}
    summary["stacked"] = {"weights": weights} | measures(0.125, 1.0)
    (folder / "metrics/finetune.json").write_text(json.dumps(summary))
    last = ["that", "and", "the", "others", "0.1250", "100.0", "%"]
    assert table("What fine-tuning tried")[-1] == last
    said = page.render(contents.gather(None))
    assert "were added, efficientnet_lite0 0.64 times, others 0.31 times.</p>" in said


def test_the_heads_that_were_trained_are_listed(whole, folder):
    assert "What the head takes" not in whole[1]
    file = folder / "metrics/head.json"
    heads = {"last_maps": measures(0.5, 0.75), "levels": measures(0.25, 0.875)}
    summary = json.loads(file.read_text()) | measures(0.125, 1.0) | {"heads": heads}
    file.write_text(json.dumps(summary))
    assert "What the head takes" not in page.render(contents.gather(None))  # of an earlier version
    for head, weight in (("last_maps", 0.25), ("levels", 0.75)):
        heads[head]["weight"] = weight
    file.write_text(json.dumps(summary))
    assert table("What the head takes") == [
        ["the", "last", "maps", "0.5000", "75.0", "%", "0.25"],
        ["the", "last", "and", "larger", "maps", "0.2500", "87.5", "%", "0.75"],
        ["both", "0.1250", "100.0", "%"],
    ]


# --- what changed ---


def test_changes_are_told(whole):
    found = SimpleNamespace(**whole[0].changes)
    assert found.parameters == [("lr", "0.25", RATES)]
    ((name, *values),) = found.metrics
    assert name == "fine-tuned: accuracy"
    assert values == pytest.approx([0.625, 0.75, 0.125])
    # One more picture of each class is right.
    assert (found.count_better, found.count_worse) == (2, 0)
    assert [flip["file"].split("/")[1] for flip in found.better] == ["2.png", "2.png"]
    assert found.better[0]["before"] == f"{whole[0].classes[1]} 0.65"
    assert found.better[0]["now"] == f"{whole[0].classes[0]} 0.65"
    assert "this run gets 2 right that main gets wrong" in found.verdicts["finetuned"]


def test_other_test_pictures_are_not_compared(within, before, monkeypatch):
    patch_revision(monkeypatch, before | {"predictions": before["predictions"][1:]})
    metrics = json.loads((within / "metrics/evaluate.json").read_text())
    found = changes.since("main", read_run().parameters, metrics)
    assert "tested on different pictures" in found["apart"]
    assert found["parameters"]
    assert found["verdicts"] is None


def test_where_git_knows_no_commit_that_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert contents.commit() == ""
    monkeypatch.setenv("PATH", "")
    assert contents.commit() == ""
    assert capsys.readouterr().err == 2 * "git knows no commit here, so the page names none\n"


def test_the_audit_s_counts_and_accuracies_are_told_but_for_what_there_is_none_of():
    told = contents.told(
        {"labels": 3, "copies": {"equal": 0, "across_splits": 1234}}
        | {"missed_groups": {"related_in_test": 4, "accuracy": {"related": 0.97777}}}
    )
    assert told == [
        ("doubtful labels", 3),
        ("copies: across splits", 1234),
        ("missed groups: test pictures that belong to training pictures", 4),
        ("missed groups: accuracy of a linear model: on these", 0.978),
    ]
