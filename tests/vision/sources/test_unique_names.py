"""Pictures of one name in several folders of one class: put together under names of their own."""

import pytest

from vision.runtime.errors import UserError
from vision.sources.layout import arrange

TWICE = [
    "data/train/cat/1.jpg",
    "data/train/dog/1.jpg",
    "data/validation/cat/1.jpg",
    "data/validation/cat/2.jpg",
    "data/validation/dog/3.jpg",
]


def test_a_folder_of_which_one_name_is_taken_is_put_under_new_ones_as_a_whole():
    layout = arrange(TWICE)
    assert [layout.places[name] for name in TWICE] == [
        ("cat", "1.jpg"),
        ("dog", "1.jpg"),
        ("cat", "validation-1.jpg"),
        ("cat", "validation-2.jpg"),
        ("dog", "3.jpg"),
    ]
    assert layout.renamed == {TWICE[2]: "validation-1.jpg", TWICE[3]: "validation-2.jpg"}


@pytest.mark.parametrize(
    ("names", "files"),
    [
        # The training pictures keep their names.
        (["test_set/test_set/cat/1.jpg", "test_set/test_set/dog/1.jpg",
          "training_set/training_set/cat/1.jpg", "training_set/training_set/dog/1.jpg"],
         ["cat/1.jpg", "cat/test_set-1.jpg", "dog/1.jpg", "dog/test_set-1.jpg"]),
        # Archives give the new names where these tell folders apart.
        (["a.zip/cat/1.jpg", "b.tar.gz/cat/1.jpg", "b.tar.gz/dog/1.jpg"],
         ["cat/1.jpg", "cat/b-1.jpg", "dog/1.jpg"]),
        # Names that tell their class are renamed alike.
        (["train/cat.0.jpg", "train/dog.0.jpg", "val/cat.0.jpg", "val/dog.1.jpg"],
         ["cat/cat.0.jpg", "cat/val-cat.0.jpg", "dog/dog.0.jpg", "dog/dog.1.jpg"]),
        # The case of letters does not keep names apart.
        (["train/cat/A.jpg", "train/dog/1.jpg", "test/cat/a.JPG", "test/dog/2.jpg"],
         ["cat/A.jpg", "cat/test-a.JPG", "dog/1.jpg", "dog/2.jpg"]),
    ],
)  # fmt: skip
def test_new_names_tell_where_a_picture_comes_from(names, files):
    assert sorted(f"{label}/{file}" for label, file in arrange(names).places.values()) == files


def test_a_new_name_that_is_taken_too_is_numbered():
    names = [*TWICE, "data/train/cat/validation-1.jpg"]
    assert arrange(names).renamed[TWICE[2]] == "validation-2-1.jpg"


def test_names_that_clash_within_a_folder_are_numbered():
    names = ["cat/a.jpg", "cat/A.jpg", "cat/2-a.jpg", "cat/b.jpg", "cat/B.JPG", "dog/0.jpg"]
    layout = arrange(names)
    assert layout == arrange(reversed(names))
    assert layout.renamed == {"cat/a.jpg": "3-a.jpg", "cat/b.jpg": "2-b.jpg"}
    assert layout.places["cat/A.jpg"] == ("cat", "A.jpg")
    assert len(set(layout.places.values())) == len(names)


@pytest.mark.parametrize("folders", [("train/", "validation/"), ("a.zip/", "b.zip/")])
def test_names_that_are_too_long_for_a_disk_are_cut_and_stay_apart(folders):
    long = ["\u732b" * 83 + "!.jpg", "\u732b" * 90 + "1.jpg", "\u732b" * 90 + "2.jpg"]
    names = [f"{top}{label}/{name}" for top in folders for label in ("cat", "dog") for name in long]
    layout = arrange(names)
    assert all(len(file.encode()) <= 255 for _, file in layout.places.values())
    assert all(file.endswith(".jpg") for _, file in layout.places.values())
    assert len(set(layout.places.values())) == len(names)
    assert f"{folders[0]}cat/{long[0]}" not in layout.renamed


def test_classes_of_too_long_names_are_refused_all_at_once():
    with pytest.raises(UserError, match=r"aaa, b+ are longer than the 255 bytes"):
        arrange(["a.zip/" + letter * 256 + "/0.jpg" for letter in "ab"])
