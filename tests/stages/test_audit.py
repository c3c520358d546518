"""Corrections and copies in subset, and the audit of what it picked, on pictures with faults."""

import importlib
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps
from PIL.ExifTags import IFD, Base

from tests.code import ROOT
from tests.files import files_below, write_given
from tests.stages.test_bad_input import complaint_of, set_parameters
from vision import pictures

HEADER = "file,action,label,reason\n"
EACH = 30


def photograph(seed, hue, size=(64, 48)):
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 200, (6, 6, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)).copy()
    pixels[..., hue] = 230
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Cats, which are red, and dogs, which are blue."""
    folder = tmp_path_factory.mktemp("drawn")
    for hue, label in ((0, "cat"), (2, "dog")):
        (folder / label).mkdir()
        for number in range(EACH + 5):
            photograph(100 * hue + number, hue).save(folder / label / f"{number}.png")
    return folder


@pytest.fixture
def workspace(drawn, tmp_path, monkeypatch):
    """20, 5 and 5 of each class are asked for."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(drawn, tmp_path / "data/raw")
    (tmp_path / "data/corrections.csv").write_text(HEADER)
    set_parameters(tmp_path, subset__train=20, subset__validation=5, subset__test=5)
    set_parameters(tmp_path, audit__share=0.0)
    return tmp_path


def subset(workspace, *rows, **parameters):
    (workspace / "data/corrections.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    set_parameters(workspace, **parameters)
    write_given(workspace)
    importlib.import_module("stages.subset").main()
    return json.loads((workspace / "metrics/subset.json").read_text())


def audit(workspace):
    """Audit with the colours of a coarse picture and its mirror image, added up, as features."""
    for split in pictures.SPLITS:
        index = pictures.index(workspace / "data/subset" / split)
        paths = [workspace / "data/subset" / split / file for file in index["file"]]
        coarse = [pictures.load(path, 6) / np.float32(255) for path in paths]
        rows = [(picture + picture[:, ::-1]).reshape(-1) for picture in coarse]
        (workspace / "data/features").mkdir(exist_ok=True)
        np.save(workspace / f"data/features/{split}.npy", np.array(rows, dtype=np.float32))
        index.to_csv(workspace / f"data/features/{split}.csv", index=False)
    importlib.import_module("stages.audit").main()
    table = pd.read_csv(workspace / "data/audit.csv", keep_default_na=False)
    return table, json.loads((workspace / "metrics/audit.json").read_text())


def names(workspace, split, label):
    return pictures.natural_order(
        [path.name for path in (workspace / "data/subset" / split / label).iterdir()]
    )


def test_without_corrections_the_first_pictures_are_picked_as_they_are(workspace):
    counts = subset(workspace)
    assert names(workspace, "train", "cat") == [f"{number}.png" for number in range(20)]
    assert names(workspace, "test", "dog") == [f"{number}.png" for number in range(25, 30)]
    for kind in ("left_out", "copies", "dropped", "relabelled"):
        assert counts[kind] == {"cat": 0, "dog": 0}
    assert (workspace / "data/left_out.csv").read_text() == "file,reason,label,kind\n"


def test_a_dropped_picture_is_replaced_and_a_relabelled_one_goes_to_the_other_class(
    workspace, capsys
):
    counts = subset(workspace, "cat/3.png,drop,,a logo", "dog/22.png,relabel,cat,it meows")
    assert counts["dropped"] == counts["relabelled"] == {"cat": 1, "dog": 0}
    assert counts["train"] == {"cat": 20, "dog": 20}
    assert "3.png" not in names(workspace, "train", "cat")
    assert names(workspace, "train", "cat")[-1] == "20.png"
    assert "cat/3.png,a logo,cat,dropped" in (workspace / "data/left_out.csv").read_text()
    # Under a name of its own.
    assert {"dog-22.png", "22.png"} < set(names(workspace, "validation", "cat"))
    assert "22.png" not in names(workspace, "validation", "dog")
    said = capsys.readouterr().out
    assert "1 pictures dropped, by data/corrections.csv" in said
    assert "1 pictures put into another class" in said


def test_wrong_rows_stop_subset_with_a_line_for_each(workspace, capfd):
    (workspace / "data/corrections.csv").write_text(HEADER + "cat/99.png,drop,,\n")
    assert "row 2: there is no picture cat/99.png" in complaint_of("subset", capfd)


@pytest.fixture
def no_sheets(monkeypatch):
    """To draw them takes far longer than all else."""
    monkeypatch.setattr(importlib.import_module("stages.audit"), "draw", lambda *_: None)


@pytest.mark.usefixtures("no_sheets")
def test_equal_files_stay_out_of_different_splits(workspace, capsys):
    raw = workspace / "data/raw"
    shutil.copy(raw / "cat/1.png", raw / "cat/26.png")  # in train and in test
    shutil.copy(raw / "cat/2.png", raw / "cat/3.png")  # both in train
    shutil.copy(raw / "cat/4.png", raw / "dog/21.png")  # another class, in validation
    counts = subset(workspace)
    assert counts["copies"] == {"cat": 1, "dog": 1}
    assert "26.png" not in names(workspace, "test", "cat")
    assert counts["test"] == {"cat": 5, "dog": 5}
    assert {"2.png", "3.png"} <= set(names(workspace, "train", "cat"))
    rows = pd.read_csv(workspace / "data/left_out.csv").set_index("file")["reason"]
    assert rows["cat/26.png"] == "the same file as cat/1.png, which is in train"
    assert "labelled cat there and dog here; one of them is wrong" in rows["dog/21.png"]
    assert "2 pictures left out, since another split has the same file" in capsys.readouterr().out
    found, _ = audit(workspace)
    first = found.iloc[0]
    assert {first["file"], first["conflicts_with"]} == {"cat/4.png", "dog/21.png"}


@pytest.mark.usefixtures("no_sheets")
def test_copies_may_be_let_in(workspace):
    raw = workspace / "data/raw"
    shutil.copy(raw / "cat/1.png", raw / "cat/26.png")
    counts = subset(workspace, subset__leave_out_copies=False)
    assert counts["copies"] == {"cat": 0, "dog": 0}
    assert "26.png" in names(workspace, "test", "cat")
    found, metrics = audit(workspace)
    copy = found[found["kind"] == "equal copy"].iloc[0]
    assert copy[["file", "split", "conflicts_with", "action"]].to_list() == [
        "cat/1.png", "train", "cat/26.png", "drop"
    ]  # fmt: skip
    counted = {"equal": 1, "near": 0, "across_splits": 1, "labels_disagree": 0}
    assert metrics["copies"] == counted


@pytest.mark.usefixtures("no_sheets")
def test_groups_that_were_missed_are_told_with_what_they_do_to_the_accuracy(workspace, capsys):
    raw = workspace / "data/raw"
    for number in range(3):  # in train and in test
        with Image.open(raw / f"cat/{number}.png") as picture:
            ImageOps.mirror(picture).resize((128, 96)).save(raw / f"cat/{25 + number}.png")
    for number, second in ((4, 0), (22, 3), (28, 5), (29, 30)):  # of train, validation and test
        exif = Image.Exif()
        exif[Base.Make] = "Canon"
        exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = f"2026:11:30 12:00:{second:02}"
        with Image.open(raw / f"dog/{number}.png") as picture:
            picture.save(raw / f"dog/{number}.png", exif=exif)
    subset(workspace)
    found, metrics = audit(workspace)
    moments = found[found["kind"] == "same moment"]
    assert list(zip(moments["file"], moments["conflicts_with"], strict=True)) == [
        ("dog/28.png", "dog/22.png"),
        ("dog/22.png", "dog/4.png"),
    ]
    told = metrics["missed_groups"]
    assert (told["near_copies"], told["same_moment"], told["related_in_test"]) == (3, 2, 4)
    assert told["accuracy"].keys() == {"related", "unrelated", "kept_together"}
    said = capsys.readouterr().out
    assert "2 pictures were taken by the same camera within 5 seconds of one in another" in said
    assert "4 test pictures belong to some that are trained on; the accuracy of a linear" in said

    for group_by, kind in (("copies", "near_copies"), ("5s", "same_moment")):
        subset(workspace, subset__group_by=group_by)
        _, metrics = audit(workspace)
        assert kind not in metrics.get("missed_groups", {})


def test_planted_faults_are_found_in_all_splits_and_little_else(workspace):
    raw = workspace / "data/raw"
    photograph(900, 2).save(raw / "cat/5.png")  # a dog
    photograph(901, 0).save(raw / "dog/27.png")  # a cat, in test
    checks = (np.indices((48, 64)).sum(axis=0) // 11 % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).convert("RGB").save(raw / "dog/22.png")  # neither
    with Image.open(raw / "cat/8.png") as picture:
        ImageOps.mirror(picture).resize((128, 96)).save(raw / "cat/28.png")
    Image.new("RGB", (64, 48), "red").save(raw / "cat/10.png")
    (raw / "dog/4.png").write_bytes((raw / "dog/4.png").read_bytes()[:200])
    photograph(902, 0).save(raw / "cat/11.png", "JPEG")
    subset(workspace)
    before = files_below(raw)
    found, metrics = audit(workspace)
    assert {
        *(("cat/5.png", "label"), ("dog/27.png", "label"), ("cat/10.png", "one colour")),
        *(("dog/4.png", "broken"), ("cat/11.png", "wrong extension")),
    } <= {(row.file, row.kind) for row in found.itertuples()}
    assert "dog/22.png" in set(found[:6]["file"])
    copied = found[found["kind"] == "near copy"]
    assert list(zip(copied["file"], copied["conflicts_with"], strict=True)) == [
        ("cat/8.png", "cat/28.png")
    ]
    planted = {"cat/5", "cat/8", "cat/10", "cat/11", "dog/4", "dog/22", "dog/27"}
    listed = {file.removesuffix(".png") for file in found["file"]}
    assert planted <= listed
    # By features that are no more than colours, a few of the 53 others stand out too.
    assert len(listed - planted) <= 4
    assert metrics["odd"]["broken"] == 1
    assert 1 <= metrics["outliers"] <= (found["kind"] == "outlier").sum()
    assert files_below(raw) == before
    for sheet in ("first", "labels", "outliers", "copies", "odd"):
        with Image.open(workspace / f"plots/audit/{sheet}.png") as image:
            image.verify()


@pytest.mark.usefixtures("no_sheets")
def test_what_was_relabelled_is_doubtful_no_more(workspace):
    raw = workspace / "data/raw"
    photograph(900, 2).save(raw / "cat/5.png")
    photograph(901, 0).save(raw / "dog/27.png")
    subset(workspace, "cat/5.png,relabel,dog,a dog", "dog/27.png,relabel,cat,a cat")
    found, _ = audit(workspace)
    assert "label" not in set(found[found["file"].isin(["cat/5.png", "dog/27.png"])]["kind"])
    set_parameters(workspace, audit__share=0.1)
    found, _ = audit(workspace)
    # 6 of 60 of each kind are listed then, of which one picture may be both.
    assert 6 <= found["kind"].isin(["label", "outlier"]).sum() <= 12


@pytest.mark.usefixtures("no_sheets")
def test_a_class_that_is_one_burst_of_a_camera_is_told(workspace, capsys):
    """All its frames are alike but for noise, so that training and test have the same."""
    scene = np.asarray(photograph(7, 0)).astype(int)
    for number in range(EACH + 5):
        noise = np.random.default_rng(number).integers(-3, 4, scene.shape)
        frame = Image.fromarray((scene + noise).clip(0, 255).astype(np.uint8))
        frame.save(workspace / f"data/raw/cat/{number}.png")
    subset(workspace)
    capsys.readouterr()
    found, metrics = audit(workspace)
    copied = found[found["kind"] == "near copy"]
    assert (copied["label"] == "cat").sum() == EACH - 1
    # By features that are no more than colours, two of the dogs may look alike, too.
    assert len(copied) <= EACH
    assert metrics["copies"]["across_splits"] >= 25  # 20 in train, and 5 that test shares
    assert metrics["not_judged"] == EACH
    said = capsys.readouterr().out
    assert "class cat: 30 of 30 pictures are near-copies of one another" in said
    assert "class cat: 30 of 30 labels could not be judged" in said
    assert "pictures have copies in another split" in said
    assert "no class was looked at for shortcuts, since fewer than two" in said
    assert "class dog" not in said


def test_what_should_not_matter_and_tells_the_classes_is_named_and_drawn(workspace, capsys):
    subset(workspace)
    metrics = audit(workspace)[1]["shortcuts"]
    assert metrics["colour"]["balanced_accuracy"] > 0.9
    assert metrics["colour"]["chance"] == 0.5
    said = capsys.readouterr().out
    assert "the mean colour and contrast alone tells the classes with a balanced accuracy" in said
    assert "looked at for shortcuts" not in said
    with Image.open(workspace / "plots/audit/shortcuts.png") as image:
        image.verify()


@pytest.mark.usefixtures("no_sheets")
def test_a_class_that_is_too_small_to_be_looked_at_for_shortcuts_is_named(workspace, capsys):
    (workspace / "data/raw/owl").mkdir()
    for number in range(4):
        photograph(300 + number, 1).save(workspace / f"data/raw/owl/{number}.png")
    set_parameters(workspace, subset__train=0.5, subset__validation=0.25, subset__test=0.25)
    subset(workspace)
    capsys.readouterr()
    assert audit(workspace)[1]["shortcuts"]["colour"]["balanced_accuracy"] > 0.9
    said = capsys.readouterr().out
    assert "1 class has too few groups of unlike pictures to be looked at for shortcuts" in said
    assert "shortcuts: owl\n" in said


@pytest.mark.parametrize(
    ("labels", "has_tested", "said"),
    [
        ([], True, ""),
        (["owl", "bee"], True, "2 classes have too few groups of .* for shortcuts: owl, bee\n"),
        (["owl"], False, "no class was looked at for shortcuts, since fewer than two have .*\n"),
        ([], False, "no class was looked at .*\n"),
    ],
)
def test_where_one_class_could_be_looked_at_for_shortcuts_none_was(
    labels, has_tested, said, capsys
):
    importlib.import_module("stages.audit").report_untested(labels, has_tested)
    assert re.fullmatch(said, capsys.readouterr().out)


def test_the_classes_that_are_told_best_are_drawn_a_row_each(workspace, monkeypatch):
    """Of ten classes of three pictures each, the last ones are told."""
    stage = importlib.import_module("stages.audit")
    drawn = []

    def contact_sheet(to, heading, pictures, captions, columns):
        drawn.append((captions, columns))
        stage_sheet(to, heading, pictures, captions, columns)

    stage_sheet = stage.contact_sheet
    monkeypatch.setattr(stage, "contact_sheet", contact_sheet)
    picked = pd.DataFrame({
        "file": [f"cat/{number}.png" for number in range(30)],
        "label": np.repeat(list("abcdefghij"), 3),
    })  # fmt: skip
    own = np.linspace(0, 1, 30)
    (workspace / "plots/audit").mkdir(parents=True)
    stage.draw_shortcuts([stage.shortcuts.Shortcut("size", 0.5, 0.1, 0.001, own, 3, 0, 30)], picked)
    ((captions, columns),) = drawn
    rows = [captions[at : at + columns] for at in range(0, len(captions), columns)]
    assert [[caption.partition("\n")[0] for caption in row if caption] for row in rows] == [
        [f"cat/{number}.png" for number in (last, last - 1, last - 2)]
        for last in (29, 26, 23, 20, 17, 14)
    ]
    assert rows[0][0].endswith("\nsize: 1.00")
    with Image.open(workspace / "plots/audit/shortcuts.png") as image:
        image.verify()


def test_where_nothing_of_the_kind_tells_the_classes_none_is_named(workspace):
    for number, path in enumerate(sorted((workspace / "data/raw").glob("*/*.png"))):
        photograph(number, 1).save(path)
    subset(workspace)
    assert "shortcuts" not in audit(workspace)[1]
    assert not (workspace / "plots/audit/shortcuts.png").exists()
