"""Names of classes that are alike, or at odds with one another: one clear line each."""

import pytest

from vision.runtime.errors import UserError
from vision.sources.class_names import check_names
from vision.sources.layout import arrange
from vision.sources.rules import Rules


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["cat/0.jpg", "Cat/1.jpg", "dog/0.jpg"], "Cat and cat differ in case only"),
        (["cat/0.jpg", "Cats/1.jpg", "dog/0.jpg"], "Cats and cat differ in singular and plural"),
        (["fox/0.jpg", "foxes/1.jpg"], "fox and foxes differ in singular and plural"),
        (["puppy/0.jpg", "puppies/1.jpg"], "puppies and puppy differ in singular and plural"),
        (["train/cat/0.jpg", "train/dog/0.jpg", "test/Cats/1.jpg", "test/dog/1.jpg"],
         "Cats and cat differ in singular and plural"),
        (["cat.0.jpg", "cats.1.jpg", "dog.0.jpg"], "cat and cats differ in singular and plural"),
        (["cat/cat.0.jpg", "cat/dog.7.jpg", "dog/dog.0.jpg"],
         "the folder cat holds 1 files named after the class dog, such as dog.7.jpg"),
        (["cats/Dog (3).jpg", "cats/Dog (4).jpg", "dogs/1.jpg"],
         "the folder cats holds 2 files named after the class dogs, such as Dog (3).jpg"),
        (["cat/dog_1.png", "dog/cat_1.png"], "the folder cat holds 1 files named after"),
        (["train/cat/0.jpg", "train/dog/0.jpg", "test/cat/1.jpg", "test/fox/1.jpg"],
         "test holds the classes cat, fox, while train lacks fox"),
        (["train/cat/0.jpg", "train/dog/0.jpg", "test/cat/1.jpg"],
         "train holds the classes cat, dog, while test lacks dog"),
        (["train/a.0.jpg", "train/b.0.jpg", "test/a.1.jpg", "test/c.1.jpg"],
         "test holds the classes a, c, while train lacks c"),
    ],
)  # fmt: skip
def test_names_at_odds_are_refused(names, said):
    with pytest.raises(UserError) as error:
        arrange(names)
    assert said in str(error.value)
    assert len(error.value.args) == 1


def test_names_that_go_together_are_taken():
    for names in (
        ["as/0.jpg", "a/0.jpg"],  # too short to be words
        ["cat/0.jpg", "cattle/0.jpg"],
        ["5/3_17.png", "3/5_18.png"],  # numbers may be anything
        ["cat/dogged by rain 1.jpg", "dog/0.jpg"],
        ["train/cat/0.jpg", "train/dog/0.jpg", "test/dog/1.jpg", "test/cat/1.jpg"],
    ):
        assert len(arrange(names).places) == len(names)


def refusal(labels, **options):
    with pytest.raises(UserError) as error:
        check_names(labels, **options)
    return str(error.value)


@pytest.mark.parametrize(
    "other",
    ["sun glass", "sun  glass", "sun_glass", "sun-glass", " Sun\u00a0Glass", "sun\u3000glass",
     "sun\u2011glass", "\uff53un glass", "sun glass\u200b"],
)  # fmt: skip
def test_names_that_differ_between_words_only_are_refused_unless_it_is_meant(other):
    labels = ["sun\u2009glass", other]
    said = refusal(labels)
    assert "differ in spaces, hyphens, underscores or the like only" in said
    assert "dvc exp run -S download.check_names=false" in said
    check_names(labels, meant=True)


def test_a_leading_minus_is_a_sign():
    for labels in (("-1", "1"), ("\u22121", "1"), ("-a", "a")):
        check_names(labels)


def test_singular_and_plural_may_be_meant():
    for labels in (("glass", "glasses"), ("sunglass", "Sunglasses"), ("sun glass", "sun-glasses")):
        assert "differ in singular and plural only" in refusal(labels)
        check_names(labels, meant=True)


def test_names_that_a_disk_may_not_hold_apart_are_refused_in_any_case():
    for labels in (("cat", "Cat"), ("cat", "cat "), ("cat", "CAT."), ("stra\u00dfe", "STRASSE")):
        for meant in (False, True):
            assert "check_names" not in refusal(labels, meant=meant)


def test_all_pairs_are_named_at_once_and_what_is_not_seen_is_quoted():
    said = refusal(["cat", "Cat", "dog", "dog\u00a0", "fox", "foxes", "glass", "glasses"])
    for part in ("Cat and cat", r"dog and 'dog\xa0'", "fox and foxes", "glass and glasses"):
        assert part in said


def test_many_classes_are_compared_in_no_time():
    check_names(f"class {number}" for number in range(20_000))


def test_files_named_after_other_classes_are_told_of_all_folders_at_once_and_may_be_meant():
    names = ["photo/IMG_1.jpg", "drawing/photo_1.jpg", "print/drawing 2.jpg"]
    with pytest.raises(UserError) as error:
        arrange(names)
    assert "the folder drawing holds 1 files named after the class photo" in str(error.value)
    assert "the folder print holds 1 files named after the class drawing" in str(error.value)
    assert "dvc exp run -S download.check_names=false" in str(error.value)
    places = arrange(names, Rules(check_names=False)).places
    assert places["drawing/photo_1.jpg"] == ("drawing", "photo_1.jpg")
    some_only = ["drawing/photo.1.jpg", "drawing/drawing.2.jpg", "photo/photo.3.jpg"]
    assert arrange(some_only, Rules(check_names=False)).places[some_only[0]] == (
        "drawing",
        "photo.1.jpg",
    )
