import pytest

from vision.runtime.errors import UserError
from vision.sources.file_names import PICTURES, listed
from vision.sources.layout import arrange
from vision.sources.rules import Rules

PAIR = {"cat/0.jpg": ("cat", "0.jpg"), "dog/0.jpg": ("dog", "0.jpg")}


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (["cat/0.jpg", "dog/0.jpg"], [("cat", "0.jpg"), ("dog", "0.jpg")]),
        (["a/PetImages/Cat/0.jpg", "a/PetImages/Dog/0.jpg"], [("Cat", "0.jpg"), ("Dog", "0.jpg")]),
        (["train/cat.0.jpg", "train/dog.0.jpg"], [("cat", "cat.0.jpg"), ("dog", "dog.0.jpg")]),
        (["k.zip/train.zip/train/a.0.png", "k.zip/train.zip/train/b.0.png"],
         [("a", "a.0.png"), ("b", "b.0.png")]),
        # The folder decides where each one holds a single class, whatever the files are called.
        (["cats/cat.0.jpg", "dogs/dog.0.jpg"], [("cats", "cat.0.jpg"), ("dogs", "dog.0.jpg")]),
        (["x/img.0.jpg", "y/img.0.jpg"], [("x", "img.0.jpg"), ("y", "img.0.jpg")]),
        (["a.zip/cat/0.jpg", "b.tgz/dog/0.jpg"], [("cat", "0.jpg"), ("dog", "0.jpg")]),
        (["train/cat.0.jpg", "train/dog.0.jpg", "val/cat.1.jpg", "val/dog.1.jpg"],
         [("cat", "cat.0.jpg"), ("dog", "dog.0.jpg"), ("cat", "cat.1.jpg"), ("dog", "dog.1.jpg")]),
        # Splits within classes.
        (["cat/train/0.jpg", "dog/train/0.jpg", "cat/test/1.jpg", "dog/test/1.jpg"],
         [("cat", "0.jpg"), ("dog", "0.jpg"), ("cat", "1.jpg"), ("dog", "1.jpg")]),
        (["a/0.jpg", "b/0.jpg", "c/0.jpg"], [("a", "0.jpg"), ("b", "0.jpg"), ("c", "0.jpg")]),
        # Archives of one class each are named after it.
        (["cat.zip/1.jpg", "dog.tar.gz/images/1.jpg"], [("cat", "1.jpg"), ("dog", "1.jpg")]),
        (["bird/0.jpg", "cat.zip/1.jpg", "dog.zip/1.jpg"],
         [("bird", "0.jpg"), ("cat", "1.jpg"), ("dog", "1.jpg")]),
    ],
)  # fmt: skip
def test_classes_are_told_from_folders_archives_or_names(names, places):
    assert arrange(names).places == dict(zip(names, places, strict=True))


def test_the_order_of_names_makes_no_difference():
    names = ["b/1.jpg", "a/2.jpg", "b/", "notes.txt", "a/1.jpg"]
    assert arrange(names) == arrange(reversed(names))


def test_picture_files_are_known_by_their_suffix_in_any_case():
    names = [f"cat/1{suffix}" for suffix in (*PICTURES, ".JPG", ".Jfif")]
    assert len(arrange([*PAIR, *names]).places) == 2 + len(names)


def test_other_files_are_left_out_and_counted():
    others = [
        *("cat/Thumbs.db", "cat/.DS_Store", "cat/._0.jpg", "cat/@eaDir/1.jpg/SYNO_THUMB_M.jpg"),
        *("$RECYCLE.BIN/S-1/0.jpg", "System Volume Information/0.jpg", "lost+found/0.jpg"),
        *("__MACOSX/cat/0.jpg", ".git/picture.jpg", "licence.txt", "README.md", "test1.zip"),
        *("pictures.zip.dvc", "cat/Icon\r", "cat/a.txt\x1b"),
    ]
    layout = arrange([*PAIR, *others])
    assert layout.places == PAIR
    assert sorted(layout.left_out) == sorted(others)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no pictures"),
        (["cat/", "dog/notes.txt"], "no pictures"),
        (["a/cat/0.jpg", "a/dog/0.jpg", "a/bird/"], "a/bird holds no pictures"),
        (["cat/0.jpg", "dog/0.jpg", "bird/Thumbs.db"], "bird (.db 1) holds no pictures"),
        (["cat/0.jpg", "cat/1.jpg"], "one class"),
        (["train/cat.0.jpg", "train/cat.1.jpg"], "one class"),
        (["IMG_1.jpg", "IMG_2.jpg"], "IMG_1.jpg"),
        (["train/cat.0.jpg", "train/cover.jpg", "train/dog.0.jpg"], "train/cover.jpg"),
        (["train/cat/0.jpg", "test/cat/1.jpg"], "one class"),
        (["cat/0.jpg", "dog/0.jpg", "loose.jpg"], "loose.jpg and "),
        (["cat/0.jpg", "cat/more/1.jpg", "dog/0.jpg"], "cat/more/1.jpg don't lie"),
        (["cat/front/0.jpg", "cat/side/0.jpg", "dog/front/1.jpg"], "don't lie"),
        (["cat/london.0.jpg", "cat/paris.1.jpg", "dog/london.2.jpg", "dog/paris.3.jpg"],
         "the class of cat/london.0.jpg may be told by its folder or by its name"),
        (["pool/cat.0.jpg", "pool/dog.0.jpg", "cow/1.jpg"], "the class of pool/cat.0.jpg may be"),
        (["kaggle-train/cat.0.jpg", "kaggle-train/dog.0.jpg", "kaggle-test/cat.1.jpg",
          "kaggle-test/dog.1.jpg"], "or into train and test; if by the folder, say"),
        # Two levels may be the class.
        (["8863/0/a.png", "8863/1/b.png", "9036/0/c.png", "9036/1/d.png"],
         "8863/0/a.png and 9036/0/c.png"),
        (["cat/in/0.jpg", "cat/out/0.jpg", "dog/in/1.jpg", "dog/out/1.jpg"], "(cat and dog)"),
        (["a.zip/rps/paper/0.png", "a.zip/rps/rock/0.png", "b.zip/rps-test-set/paper/1.png",
          "b.zip/rps-test-set/rock/1.png"],
         "a.zip/rps/paper/0.png and b.zip/rps-test-set/paper/1.png"),
        (["a/face/0.jpg", "b/face/1.jpg"], "(a and b)"),
        (["t/train/n1/images/0.jpg", "t/train/n2/images/0.jpg", "t/val/images/0.jpg"],
         "t/val/images/0.jpg"),
        (["cat/1.jpg", "dog/1.jpg", "val/1.jpg"], "if a class is called so, say `dvc exp run"),
        (["cat/1.jpg", "test/1.jpg"], "if a class is called so, say `dvc exp run"),
        (["seg_train/a/0.jpg", "seg_train/b/0.jpg", "seg_val/0.jpg"],
         "seg_val/0.jpg lies in seg_val, which tells a split, and in no folder of a class"),
        (["train/1.jpg", "test/2.jpg"], "test/2.jpg lies in test, which tells a split"),
        (["t/train/n1/images/0.jpg", "t/train/n2/images/0.jpg", "t/val/images/0.jpg",
          "t/test/images/0.jpg"],
         "put the pictures in t/test/images, t/val/images into folders of their classes"),
        (["amazon/images/mug/0.jpg", "dslr/images/mug/0.jpg"], "(amazon/images and dslr/images)"),
        # Archives of one class each.
        (["part1.zip/1.jpg", "part2.zip/2.jpg"], "part1.zip and part2.zip hold pictures without"),
        (["cat/1.jpg", "dog/1.jpg", "more.zip/1.jpg"], "more.zip/1.jpg and"),
        (["a.zip/cat.0.jpg", "b.zip/dog.0.jpg"], "may be told by its archive or by its name"),
        (["a.zip/cat.0.jpg", "a.zip/dog.0.jpg", "b.zip/cat.1.jpg", "b.zip/dog.1.jpg"],
         "a.zip/cat.0.jpg may be told by its archive or by its name"),
        (["train.zip/1.jpg", "test.zip/1.jpg"], "one class"),
        (["cat.zip/1.jpg", "dog.zip/1.jpg", "fox.zip/a.txt"], "fox (.txt 1) holds no pictures"),
        # What lies there is said.
        ([*PAIR, "fox/1.cr2", "fox/in/2.cr2", "fox/notes.txt", "hen/"],
         "fox (.cr2 2, .txt 1), hen hold no pictures beside folders that do"),
        (["cat/0.cr2", "dog/0.cr2", "a.txt"], "what lies there: .cr2 2, .txt 1;"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_by_name(names, said):
    with pytest.raises(UserError) as error:
        arrange(names)
    assert said in str(error.value)


# --- names ---


def test_any_character_that_can_be_in_a_name_is_taken():
    # Spaces of several widths, joiners, private and unknown letters.
    letters = ["\u202f", "\u00a0", "\u3000", "\u200c", "\U0001f468\u200d\U0001f467", "\ue000"]
    names = [f"cat/a{letter}b.jpg" for letter in [*letters, "\U000e0fff"]]
    assert set(names) < set(arrange([*PAIR, *names]).places)


@pytest.mark.parametrize("bad", ["\x1b", "\r", "\n", "\x7f", "\x85", "\u2028", "\udce4"])
def test_characters_that_cannot_be_in_a_name_are_refused_all_at_once(bad):
    names = [*PAIR, *(f"cat/{bad}{number}.jpg" for number in range(5)), f"a{bad}/0.jpg"]
    with pytest.raises(UserError, match=r"^6 names of .* and 3 more; rename them") as error:
        arrange(names)
    assert bad not in str(error.value)
    assert ("convmv" in str(error.value)) == (bad == "\udce4")


def test_the_advice_for_bytes_that_are_no_text_in_an_archive_is_to_unpack_it_first():
    for names, told in ((["a.tar/cat/\udce4.jpg"], True), (["cat/\udce4.jpg"], False)):
        with pytest.raises(UserError, match="convmv") as error:
            arrange([*PAIR, *names])
        assert ("one that you unpacked the archive to" in str(error.value)) == told


# --- folders of classes, and files whose names could tell others ---

PATIENTS = ["P001.001.png", "P001.002.png", "P002.001.png"]


@pytest.mark.parametrize("ending", ["", ".zip"])
@pytest.mark.parametrize(
    "files",
    [
        [PATIENTS, PATIENTS],
        [PATIENTS, ["P003.001.png"]],
        [["2023-01-01 10.11.png", "2023-01-01 11.12.png"], ["2023-01-01 10.11.png"]],
        [["1.5.png", "2.5.png"], ["1.5.png", "3.5.png"]],
    ],
)
def test_class_folders_and_archives_win_over_names_that_only_count(ending, files):
    names = {
        f"{label}{ending}/{file}": (label, file)
        for label, found in zip(("valid ticket", "test ticket"), files, strict=True)
        for file in found
    }
    assert arrange(names).places == names


def test_folders_win_over_words_in_names_if_it_is_meant():
    names = ["cat/london.0.jpg", "cat/paris.1.jpg", "dog/london.2.jpg", "dog/paris.3.jpg"]
    found = arrange(names, Rules(check_names=False)).places
    assert [label for label, _ in found.values()] == ["cat", "cat", "dog", "dog"]


# --- levels ---


def labels_of(names):
    return {label for label, _ in arrange(names).places.values()}


@pytest.mark.parametrize(
    "splits",
    [
        ("TRAIN", "Test"),
        ("training_set/training_set", "test_set/test_set"),
        ("train_data", "test data"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("trainset", "TestSet"),
        ("set/train2017/images", "set/val2017/images"),
        ("data/dev", "data/eval"),
        ("a/train/b", "a/test/b"),
    ],
)
def test_folders_whose_names_tell_a_split_are_put_together(splits):
    names = [f"{split}/{label}/{split[0]}.jpg" for split in splits for label in ("cat", "dog")]
    assert labels_of(names) == {"cat", "dog"}


@pytest.mark.parametrize(
    ("folders", "wanted"),
    [
        (["train", "val", "test"], ["train", "validation", "test"]),
        (["Train", "VALID", "Testing"], ["train", "validation", "test"]),
        (["training", "validation", "holdout"], ["train", "validation", "test"]),
        (["data/train", "data/dev", "data/test"], ["train", "validation", "test"]),
        (["seg_train/seg_train", "seg_test/seg_test"], ["train", "test"]),
        (["train2017", "val2017"], ["train", "validation"]),
        (["train", "eval"], ["train", "test"]),
        (["train", "eval", "test"], ["train", "validation", "test"]),
        (["train.zip", "test.zip"], ["train", "test"]),
        (["train"], [""]),
        (["train_val", "test"], ["", "test"]),
    ],
)
@pytest.mark.parametrize("form", ["{}/{}/1.jpg", "{}/{}/images/1.jpg", "{}/{}.1.jpg"])
def test_splits_that_folders_tell_are_kept(folders, wanted, form):
    names = {form.format(folder, label): folder for folder in folders for label in ("cat", "dog")}
    given = arrange(names).given
    assert [given[name].split for name in names] == [split for split in wanted for _ in range(2)]
    merged = arrange(names, Rules(splits="merge"))
    assert {each.split for each in merged.given.values()} == {""}
    assert labels_of(names) == {"cat", "dog"}


def test_splits_may_lie_below_the_classes():
    names = [f"{label}/{split}/1.jpg" for label in ("cat", "dog") for split in ("train", "test")]
    given = arrange(names).given
    assert [given[name].split for name in names] == ["train", "test"] * 2


def test_splits_are_said_and_that_they_are_merged():
    names = [f"{split}/{label}/1.jpg" for split in ("train", "val") for label in ("cat", "dog")]
    (said,) = arrange(names).said
    assert said == (
        "others have split these pictures: train 2, validation 2; that stays so, unless "
        "download.splits is merge"
    )
    (said,) = arrange(names, Rules(splits="merge")).said
    assert said == "the splits of others are put together, since download.splits is merge"


@pytest.mark.parametrize("unlabelled", ["test/1.jpg", "test1/unknown/2.jpg", "test/images/3.jpg"])
def test_pictures_for_the_test_without_classes_are_none_to_train_on(unlabelled):
    names = ["train/cat/1.jpg", "train/dog/1.jpg"]
    found = arrange([*names, unlabelled])
    assert list(found.places) == names
    assert found.unlabelled == [unlabelled]
    assert found.given[names[0]].split == ""


def test_a_class_may_be_called_unknown():
    names = [f"{split}/{label}/1.jpg" for split in ("train", "test") for label in ("a", "unknown")]
    assert labels_of(names) == {"a", "unknown"}
    assert labels_of(["a/1.jpg", "unknown/1.jpg"]) == {"a", "unknown"}


@pytest.mark.parametrize("above", ["", "pets/", "train/", "images/train/"])
def test_sub_folders_of_a_class_are_groups_where_that_is_said(above):
    names = [f"{above}cat/tom/1.jpg", f"{above}cat/tim/a/1.jpg", f"{above}dog/1.jpg"]
    with pytest.raises(UserError, match="class_folder=first"):
        arrange(names)
    found = arrange(names, Rules(class_folder="first"))
    assert [found.places[name][0] for name in names] == ["cat", "cat", "dog"]
    assert [found.given[name].folder for name in names] == ["tom", "tim/a", ""]
    assert [found.given[name].group for name in names] == ["tom", "tim/a", ""]


def test_where_the_first_folder_is_the_class_there_is_one():
    with pytest.raises(UserError, match="pictures lie in '', where with"):
        arrange([*PAIR, "1.jpg"], Rules(class_folder="first"))


def test_a_last_folder_that_says_nothing_is_seen_through():
    for generic in ("images", "IMG", "photos", "images/jpg", "JPEGImages"):
        assert labels_of(f"train/{c}/{generic}/0.jpg" for c in ("n01", "n02")) == {"n01", "n02"}


def test_classes_may_be_called_as_such_folders_are():
    for labels in (
        *({"photo", "drawing"}, {"photos", "pictures"}, {"train", "car"}),
        *({"valid", "invalid"}, {"pregnancy test", "swab"}),
    ):
        assert labels_of(f"{label}/0.jpg" for label in labels) == labels


# --- what is left out ---


def test_what_is_left_out_is_counted_by_suffix_with_an_example_where_that_does_not_tell():
    names = ["a.TXT", "cat/b.txt", "cat/c.pdf", "cat/Makefile", ".net/1.jpg", ".net/2.jpg"]
    assert listed(arrange([*PAIR, *names]).left_out) == (
        ".txt 2, hidden 2 (such as .net/1.jpg), .pdf 1, others 1 (such as cat/Makefile)"
    )


def test_what_all_pictures_lie_in_makes_no_class_one_without_a_label():
    names = [
        f"quality_test/{label}/{n}.jpg" for label in ("ok", "scratch", "unknown") for n in "12"
    ]
    found = arrange(names)
    assert {folder for folder, _ in found.places.values()} == {"ok", "scratch", "unknown"}
    assert not found.unlabelled
