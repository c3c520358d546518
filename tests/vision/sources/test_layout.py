import pytest

from vision.errors import UserError
from vision.sources.layout import arrange

PAIR = {"cat/0.jpg": ("cat", "0.jpg"), "dog/0.jpg": ("dog", "0.jpg")}


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (["cat/0.jpg", "dog/0.jpg"], [("cat", "0.jpg"), ("dog", "0.jpg")]),
        (["a/PetImages/Cat/0.jpg", "a/PetImages/Dog/0.jpg"], [("Cat", "0.jpg"), ("Dog", "0.jpg")]),
        (["cat.0.jpg", "dog.0.jpg"], [("cat", "cat.0.jpg"), ("dog", "dog.0.jpg")]),
        (["train/cat.0.jpg", "train/dog.0.jpg"], [("cat", "cat.0.jpg"), ("dog", "dog.0.jpg")]),
        (["k.zip/train.zip/train/a.0.png", "k.zip/train.zip/train/b.0.png"],
         [("a", "a.0.png"), ("b", "b.0.png")]),
        # The folder decides where each one holds a single class, whatever the files are called.
        (["cats/cat.0.jpg", "dogs/dog.0.jpg"], [("cats", "cat.0.jpg"), ("dogs", "dog.0.jpg")]),
        (["x/img.0.jpg", "y/img.0.jpg"], [("x", "img.0.jpg"), ("y", "img.0.jpg")]),
        (["a.zip/cat/0.jpg", "b.tgz/dog/0.jpg"], [("cat", "0.jpg"), ("dog", "0.jpg")]),
        (["train/cat/0.jpg", "train/dog/0.jpg", "test/cat/1.jpg", "test/dog/1.jpg"],
         [("cat", "0.jpg"), ("dog", "0.jpg"), ("cat", "1.jpg"), ("dog", "1.jpg")]),
        (["train/cat.0.jpg", "train/dog.0.jpg", "val/cat.1.jpg", "val/dog.1.jpg"],
         [("cat", "cat.0.jpg"), ("dog", "dog.0.jpg"), ("cat", "cat.1.jpg"), ("dog", "dog.1.jpg")]),
        (["a/0.jpg", "b/0.jpg", "c/0.jpg"], [("a", "0.jpg"), ("b", "0.jpg"), ("c", "0.jpg")]),
    ],
)  # fmt: skip
def test_classes_are_told_from_folders_or_names(names, places):
    assert arrange(names).places == dict(zip(names, places, strict=True))


def test_the_order_of_names_makes_no_difference():
    names = ["b/1.jpg", "a/2.jpg", "b/", "notes.txt", "a/1.jpg"]
    assert arrange(names) == arrange(reversed(names))


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "bmp", "gif", "webp", "JPG", "Png"])
def test_picture_files_are_known_by_their_suffix_in_any_case(suffix):
    assert len(arrange([f"cat/0.{suffix}", f"dog/0.{suffix}"]).places) == 2


@pytest.mark.parametrize(
    "other",
    [
        "cat/Thumbs.db",
        "cat/.DS_Store",
        "cat/._0.jpg",
        "__MACOSX/cat/0.jpg",
        ".git/picture.jpg",
        "licence.txt",
        "README.md",
        "pictures.zip.dvc",
        "test1.zip",
    ],
)
def test_other_files_are_left_out_and_counted(other):
    layout = arrange([*PAIR, other])
    assert layout.places == PAIR
    assert layout.ignored == 1


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no pictures"),
        (["cat/", "dog/notes.txt"], "no pictures"),
        (["a/cat/0.jpg", "a/dog/0.jpg", "a/bird/"], "a/bird holds no pictures"),
        (["cat/0.jpg", "dog/0.jpg", "bird/Thumbs.db"], "bird holds no pictures"),
        (["cat/0.jpg", "dog/"], "dog holds no pictures"),
        (["cat/0.jpg", "cat/1.jpg"], "one class"),
        (["train/cat.0.jpg", "train/cat.1.jpg"], "one class"),
        (["IMG_1.jpg", "IMG_2.jpg"], "IMG_1.jpg"),
        (["train/cat.0.jpg", "train/cover.jpg", "train/dog.0.jpg"], "train/cover.jpg"),
        (["train/cat/0.jpg", "test/cat/1.jpg"], "one class"),
        (["cat/0.jpg", "dog/0.jpg", "loose.jpg"], "loose.jpg and "),
        (["cat/0.jpg", "cat/more/1.jpg", "dog/0.jpg"], "cat/more/1.jpg don't lie"),
        (["cat/front/0.jpg", "cat/side/0.jpg", "dog/front/1.jpg"], "don't lie"),
        (["train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg"], "test1/1.jpg"),
        (["a.zip/cat/0.jpg", "b.zip/cat/0.jpg", "b.zip/dog/0.jpg"],
         "a.zip/cat/0.jpg and b.zip/cat/0.jpg would both be cat/0.jpg"),
        (["cat/0.jpg", "cat/0.jpg", "dog/0.jpg"], "both be cat/0.jpg"),
        (["cat/a.jpg", "cat/A.jpg", "dog/0.jpg"], "cat/A.jpg and cat/a.jpg"),
        (["cat/0.jpg", "Cat/1.jpg"], "Cat and cat"),
        (["cat/london.0.jpg", "cat/paris.1.jpg", "dog/london.2.jpg", "dog/paris.3.jpg"],
         "by their folders or by their names"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_by_name(names, said):
    with pytest.raises(UserError) as error:
        arrange(names)
    assert said in str(error.value)
