"""Names of classes that are alike, or at odds with one another: one clear line each."""

import pytest

from vision.errors import UserError
from vision.sources.layout import arrange


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


@pytest.mark.parametrize(
    "names",
    [
        ["as/0.jpg", "a/0.jpg"],  # too short to be words
        ["cat/0.jpg", "cattle/0.jpg"],
        ["5/3_17.png", "3/5_18.png"],  # numbers may be anything
        ["cat/dogged by rain 1.jpg", "dog/0.jpg"],
        ["cats/cat.0.jpg", "dogs/dog.0.jpg"],
        ["train/cat/0.jpg", "train/dog/0.jpg", "test/dog/1.jpg", "test/cat/1.jpg"],
    ],
)
def test_names_that_go_together_are_taken(names):
    assert len(arrange(names).places) == len(names)
