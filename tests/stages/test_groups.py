"""Groups and given splits in the stage subset: bursts of five pictures of each subject."""

import importlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.code import ROOT
from tests.files import write_given
from tests.stages.test_bad_input import complaint_of, set_parameters
from vision import pictures
from vision.audit.labels import predict
from vision.runtime.program import run

SHARES = {"subset__train": 0.5, "subset__validation": 0.1, "subset__test": 0.4}
SUBJECT = r"^(subject\d+)_"
CLASSES = ("cat", "dog")


def burst(label, subject, count=5):
    """Draw shots of a subject, whose looks say far more of it than of its class."""
    rng = np.random.default_rng([CLASSES.index(label), subject])
    looks = rng.normal(110, 40, (8, 8, 3))
    looks[..., 0] += 12 * CLASSES.index(label)
    for _ in range(count):
        shot = looks + rng.normal(0, 6, looks.shape)
        yield Image.fromarray(shot.clip(0, 255).astype(np.uint8))


def features(shown):
    return np.array([np.asarray(picture) for picture in shown], dtype=np.float32).reshape(-1, 192)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """40 subjects of each class, five pictures of each."""
    folder = tmp_path_factory.mktemp("drawn")
    for label in CLASSES:
        (folder / label).mkdir()
        for subject in range(40):
            for number, shot in enumerate(burst(label, subject)):
                shot.save(folder / label / f"subject{subject}_{number}.png")
    return folder


@pytest.fixture
def workspace(drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.import_module("stages.subset"), "draw_samples", lambda: None)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(drawn, tmp_path / "data/raw")
    (tmp_path / "data/corrections.csv").write_text("file,action,label,reason\n")
    write_given(tmp_path)
    set_parameters(tmp_path, **SHARES)
    return tmp_path


def subset(workspace, **parameters):
    set_parameters(workspace, **{f"subset__{name}": value for name, value in parameters.items()})
    importlib.import_module("stages.subset").main()
    return json.loads((workspace / "metrics/subset.json").read_text())


def given_splits(workspace, splits, **given):
    """Give all pictures of subject N, of both classes, the split number N, in turn."""
    files = pictures.index(workspace / "data/raw")["file"]
    numbers = files.str.extract(r"subject(\d+)_")[0].astype(int)
    split = dict(zip(files, [splits[number % len(splits)] for number in numbers], strict=True))
    write_given(workspace, split=split, **given)
    return split


def picked(workspace):
    return pd.read_csv(workspace / "data/picked.csv", dtype=str, keep_default_na=False)


def splits_of_subjects(workspace):
    table = picked(workspace)
    subjects = table["file"].str.extract(r"(.+)_")[0]
    return table["split"].groupby(subjects).nunique()


def flattery(workspace):
    """By how much the test is better than what the same classifier does on new subjects."""
    rows, labels = {}, {}
    for split in ("train", "test"):
        index = pictures.index(workspace / "data/subset" / split)
        shown = (Image.open(workspace / "data/subset" / split / file) for file in index["file"])
        rows[split], labels[split] = features(shown), index["label"].map(CLASSES.index).to_numpy()
    new = [(label, 1000 + number) for label in CLASSES for number in range(200)]
    rows["new"] = features(next(burst(label, subject)) for label, subject in new)
    labels["new"] = np.array([CLASSES.index(label) for label, _ in new])
    everything, of_all = np.concatenate([*rows.values()]), np.concatenate([*labels.values()])
    numbers = np.split(np.arange(len(of_all)), np.cumsum([len(of) for of in labels.values()])[:-1])
    accuracy = {
        split: (
            predict(everything, of_all, numbers[0], others).argmax(axis=1) == labels[split]
        ).mean()
        for split, others in zip(("test", "new"), numbers[1:], strict=True)
    }
    print(accuracy)
    return accuracy["test"] - accuracy["new"]


@pytest.mark.parametrize("seed", [1, 2])
def test_bursts_flatter_unless_they_are_kept_together(workspace, seed):
    set_parameters(workspace, seed=seed)
    subset(workspace, order="shuffled")
    assert splits_of_subjects(workspace).mean() > 2
    assert flattery(workspace) > 0.1
    subset(workspace, group_by=SUBJECT)
    assert splits_of_subjects(workspace).max() == 1
    assert flattery(workspace) < 0.05


def test_classes_keep_their_shares_though_groups_are_whole(workspace):
    counts = subset(workspace, group_by=SUBJECT)
    assert [counts[split]["dog"] for split in pictures.SPLITS] == [100, 20, 80]
    assert counts["groups"] == {
        split: dict.fromkeys(CLASSES, subjects)
        for split, subjects in zip(pictures.SPLITS, (20, 4, 16), strict=True)
    }


def test_the_table_of_pictures_names_each_ones_group(workspace):
    subset(workspace, group_by=SUBJECT)
    rows = picked(workspace).set_index("file")
    assert rows.loc["dog/subject7_3.png", "group"] == "subject7"
    subset(workspace, group_by="none")
    assert set(picked(workspace)["group"]) == {""}


def test_few_groups_are_told_with_their_numbers(workspace, capsys):
    counts = subset(workspace, group_by=SUBJECT)
    said = capsys.readouterr().out
    assert "400 of 400 pictures are in 40 groups, by subset.group_by" in said
    assert "fewer than 10 groups of a class" in said
    assert "cat 4 in validation, dog 4 in validation" in said
    assert counts["groups"]["validation"] == {"cat": 4, "dog": 4}


def test_a_group_from_the_table_holds_whatever_the_order_and_the_names(workspace):
    files = pictures.index(workspace / "data/raw")["file"]
    groups = {file: str(number % 50) for number, file in enumerate(files)}
    write_given(workspace, group=groups)
    subset(workspace, group_by="column", order="shuffled")
    rows = picked(workspace)
    assert (rows["group"] == rows["file"].map(groups)).all()
    assert rows["split"].groupby(rows["group"]).nunique().max() == 1


def test_given_splits_are_kept_and_only_validation_is_cut_by_whole_groups(workspace, capsys):
    split = given_splits(workspace, ["train", "train", "train", "test"])
    counts = subset(workspace, group_by=SUBJECT, validation=0.2)
    rows = picked(workspace)
    in_test = set(rows["file"][rows["split"] == "test"])
    assert in_test == {file for file, of_file in split.items() if of_file == "test"}
    assert [counts[split]["cat"] for split in pictures.SPLITS] == [120, 30, 50]
    assert splits_of_subjects(workspace).max() == 1
    said = capsys.readouterr().out
    assert "splits are given for 400 pictures, which stay there: 300 train, 100 test" in said
    assert "flatters" not in said


def test_that_a_count_to_train_on_is_of_no_effect_is_told(workspace, capsys):
    split = given_splits(workspace, ["", "", "validation", "test"])
    counts = subset(workspace, train=7)
    others = sum(not of_file for of_file in split.values())
    assert sum(counts["train"].values()) == others == 200
    told = "since validation and test are given, subset.train doesn't limit the others"
    assert told in capsys.readouterr().out
    given_splits(workspace, ["", "", "", "test"])
    counts = subset(workspace, train=7)
    assert counts["train"] == dict.fromkeys(CLASSES, 7)
    assert told not in capsys.readouterr().out


def test_copies_and_groups_across_given_splits_are_told_and_not_dropped(workspace, capsys):
    raw = workspace / "data/raw"
    shutil.copy(raw / "cat/subject0_0.png", raw / "dog/subject3_9.png")  # in train, in test
    given_splits(workspace, ["train", "validation", "train", "test"])
    counts = subset(workspace, group_by=r"(\d)_")  # of its subject's number the last digit
    assert counts["copies"] == {"cat": 0, "dog": 0}
    assert counts["copies_across_given"] == {"cat": 0, "dog": 1}
    assert sum(counts["test"].values()) == 101
    said = capsys.readouterr().out
    assert "1 pictures have the same file in another split, and 5 groups are in several" in said


def test_a_picture_that_is_corrected_keeps_its_given_split_and_a_broken_one_is_left_out(workspace):
    given_splits(workspace, ["train", "validation", "test"])
    (workspace / "data/corrections.csv").write_text(
        "file,action,label,reason\ncat/subject2_0.png,relabel,dog,\ncat/subject2_1.png,drop,,\n"
    )
    (workspace / "data/raw/cat/subject2_2.png").write_text("no picture")
    counts = subset(workspace, group_by=SUBJECT)
    rows = picked(workspace).set_index("file")
    assert list(rows.loc["cat/subject2_0.png", ["split", "label"]]) == ["test", "dog"]
    assert not {"cat/subject2_1.png", "cat/subject2_2.png"} & set(rows.index)
    assert counts["dropped"]["cat"] == counts["left_out"]["cat"] == counts["relabelled"]["dog"] == 1


def put_rare(workspace, label, count):
    (workspace / "data/raw" / label).mkdir()
    for number, shot in enumerate(burst("dog", 99, count)):
        shot.save(workspace / "data/raw" / label / f"subject99_{number}.png")


@pytest.mark.parametrize("group_by", ["none", SUBJECT])
def test_rare_classes_are_trained_on_only_and_named_at_once_or_refused(workspace, capfd, group_by):
    put_rare(workspace, "ant", 2)
    put_rare(workspace, "bee", 1)
    write_given(workspace)
    counts = subset(workspace, group_by=group_by)
    assert [counts[split]["ant"] for split in pictures.SPLITS] == [2, 0, 0]
    assert [counts[split]["bee"] for split in pictures.SPLITS] == [1, 0, 0]
    assert "2 classes are used for training only, for want of pictures or groups, so that" in (
        capfd.readouterr().out
    )
    set_parameters(workspace, subset__strict=True)
    with pytest.raises(SystemExit):
        run(importlib.import_module("stages.subset").main)
    ant, bee = capfd.readouterr().err.splitlines()
    assert ant.startswith("error: class ant has too few ")
    assert bee.startswith("error: class bee has too few ")


def test_a_class_of_two_subjects_is_trained_on_only_however_many_pictures_it_has(workspace, capfd):
    for subject in (500, 501):
        (workspace / "data/raw/owl").mkdir(exist_ok=True)
        for number, shot in enumerate(burst("dog", subject)):
            shot.save(workspace / "data/raw/owl" / f"subject{subject}_{number}.png")
    write_given(workspace)
    counts = subset(workspace, group_by=SUBJECT)
    assert [counts[split]["owl"] for split in pictures.SPLITS] == [10, 0, 0]
    assert splits_of_subjects(workspace).max() == 1
    shutil.rmtree(workspace / "data/raw/cat")  # then, dogs alone would be tested
    complaint = complaint_of("subset", capfd)
    assert "of 2 classes, dog alone would have pictures for validation" in complaint


@pytest.mark.parametrize(
    ("group_by", "given", "said"),
    [
        ("column", {}, "finds no group: the table of labels has no column `group`; set another"),
        ("folder", {"folder": {}}, "finds no group: there are no sub-folders"),
        (
            "none",
            {"split": {"cat/subject0_0.png": "dev"}},
            "cat/subject0_0.png is in the split dev",
        ),
    ],
)
def test_what_cant_be_grouped_is_refused_in_one_line(workspace, capfd, group_by, given, said):
    set_parameters(workspace, subset__group_by=group_by)
    assert said in complaint_of("subset", capfd, **given)


def test_weights_go_with_their_pictures_and_others_weigh_1(workspace, capsys):
    write_given(workspace, weight={"cat/subject0_0.png": "2.5", "dog/subject39_4.png": "0.5"})
    subset(workspace)
    split = picked(workspace).set_index("file")["split"]
    index = {name: pictures.index(workspace / "data/subset" / name) for name in pictures.SPLITS}
    weight = {
        file: weight
        for rows in index.values()
        for file, weight in zip(rows["file"], rows["weight"], strict=True)
    }
    assert weight.pop("cat/subject0_0.png") == 2.5
    assert split["cat/subject0_0.png"] == "train"
    assert weight.pop("dog/subject39_4.png") == 0.5
    assert split["dog/subject39_4.png"] == "test"
    assert set(weight.values()) == {1}
    assert "weights are given for 2 pictures" in capsys.readouterr().out
    write_given(workspace)
    subset(workspace)
    assert "weight" not in pictures.index(workspace / "data/subset/train")
