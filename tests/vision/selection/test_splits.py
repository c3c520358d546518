import re

import pytest

from vision.runtime.errors import UserError
from vision.selection.splits import Copies, Place, TooFewError, pick, pick_all

FILES = [f"cat/{number}.jpg" for number in range(100)]


class Checker:
    """Finds some files unusable, and notes which ones it was asked about."""

    def __init__(self, unusable=()):
        self.unusable = {f"cat/{number}.jpg" for number in unusable}
        self.asked = []

    def __call__(self, files):
        self.asked += files
        return ["cut short" if file in self.unusable else None for file in files]


def wanted(train, validation, test):
    return {"train": train, "validation": validation, "test": test}


def numbers(files):
    return [int(re.search(r"\d+", file)[0]) for file in files]


def test_each_split_takes_the_next_files_in_the_order_given():
    splits, left_out, _ = pick("cat", FILES[::-1], wanted(3, 2, 1), Checker())
    assert splits == {
        "train": ["cat/99.jpg", "cat/98.jpg", "cat/97.jpg"],
        "validation": ["cat/96.jpg", "cat/95.jpg"],
        "test": ["cat/94.jpg"],
    }
    assert left_out == {}


def test_the_next_file_takes_the_place_of_one_that_cant_be_used():
    splits, left_out, _ = pick("cat", FILES, wanted(3, 2, 1), Checker(unusable=[1, 2, 6]))
    assert numbers(splits["train"]) == [0, 3, 4]
    assert numbers(splits["validation"]) == [5, 7]
    assert numbers(splits["test"]) == [8]
    assert left_out == {f"cat/{number}.jpg": "cut short" for number in (1, 2, 6)}


def test_counts_check_no_more_files_than_are_taken_or_left_out_and_shares_each_once():
    check = Checker(unusable=[1, 6])
    pick("cat", FILES, wanted(3, 2, 1), check)
    assert numbers(check.asked) == list(range(8))
    for amounts in ((0.5, 0.2, 0.3), (5, 0.2, 5)):
        check = Checker()
        pick("cat", FILES, wanted(*amounts), check)
        assert check.asked == FILES


@pytest.mark.parametrize(
    ("count", "unusable", "amounts", "expected"),
    [
        (100, 20, (0.5, 0.25, 0.25), (40, 20, 20)),  # of those that can be used
        (10, 0, (0.55, 0.25, 0.19), (5, 2, 1)),  # rounded down
        (100, 0, (0.7, 0.2, 0.1), (70, 20, 10)),  # none is left over
        (100, 0, (0.5, 7, 3), (50, 7, 3)),  # beside counts
        (6, 0, (3, 2, 1), (3, 2, 1)),  # just enough
        (100_000, 0, (1e-05, 1, 1), (1, 1, 1)),
    ],
)
def test_so_many_files_are_taken_as_the_shares_say(count, unusable, amounts, expected):
    files = [f"cat/{number}.jpg" for number in range(count)]
    splits, left_out, _ = pick("cat", files, wanted(*amounts), Checker(range(unusable)))
    assert {split: len(files) for split, files in splits.items()} == wanted(*expected)
    assert len(left_out) == unusable


@pytest.mark.parametrize("share", [0.07, 0.14, 0.28, 0.29, 0.56, 0.57, 0.58])
def test_shares_are_decimal_fractions(share):
    # In binary, each of these times 100 falls short of the whole number or exceeds it.
    assert share * 100 != round(share * 100)
    splits, *_ = pick("cat", FILES, wanted(share, 1, 1), Checker())
    assert len(splits["train"]) == round(share * 100)


def test_each_class_is_picked_as_it_is_alone_but_for_copies():
    classes = {label: [f"{label}/{n}" for n in range(9)] for label in ("cat", "dog")}
    known = Copies(lambda file: file.removeprefix("cat/").removeprefix("dog/"))
    picked = pick_all(classes, wanted(3, 2, 1), Checker())
    assert picked == {
        label: pick(label, files, wanted(3, 2, 1), Checker()) for label, files in classes.items()
    }
    with pytest.raises(UserError, match=r"^class dog .* are copies"):
        pick_all(classes | {"dog": classes["dog"][3:]}, wanted(3, 2, 1), Checker(), known)


@pytest.mark.parametrize(
    ("count", "amounts", "said"),
    [
        (7, (3, 2, 1), "5 can be used and 2 can't be decoded"),
        (2, (3, 2, 1), "0 can be used and 2 can't be decoded"),
        # A share that is no picture: an empty split would leave its scores undefined.
        (7, (0.6, 0.1, 0.2), "5 can be used .*; of 5, validation 0.1 is less than one"),
        (7, (0.6, 0.1, 0.15), "; of 5, validation 0.1 and test 0.15 are less than one"),
        (7, (9, 0.1, 0.2), "; of 5, validation 0.1 is less than one"),
        (7, (0.6, 3, 1), "decoded$"),
    ],
)
def test_too_few_files_are_refused_with_the_numbers(count, amounts, said):
    with pytest.raises(TooFewError, match=f"class cat has too few pictures: .*{said}"):
        pick("cat", FILES[:count], wanted(*amounts), Checker(unusable=[0, count - 1]))


def content(**copies):
    """Digests by which files are their own content, but for those that are copies of others."""
    return Copies(lambda file: copies.get("n" + "".join(filter(str.isdigit, file)), file))


def test_a_copy_of_what_another_split_has_is_left_out_and_replaced():
    known = content(n2="cat/1.jpg", n4="cat/1.jpg", n5="cat/3.jpg")
    splits, _, copies = pick("cat", FILES, wanted(3, 2, 1), Checker(), known)
    assert numbers(splits["train"]) == [0, 1, 2]  # within a split, copies stay
    assert numbers(splits["validation"]) == [3, 5]
    assert numbers(splits["test"]) == [6]
    assert copies == {"cat/4.jpg": Place("train", "cat", "cat/1.jpg")}
    with pytest.raises(TooFewError, match="5 can be used and 0 can't be decoded and 1 are copies"):
        pick("cat", FILES[:6], wanted(3, 2, 1), Checker(), content(n4="cat/1.jpg"))


def test_a_copy_of_what_another_class_has_in_another_split_is_left_out():
    known = Copies(lambda file: "same" if file in ("cat/0.jpg", "dog/3.jpg") else file)
    pick("cat", FILES, wanted(1, 1, 1), Checker(), known)
    dogs = [f"dog/{number}.jpg" for number in range(9)]
    splits, _, copies = pick("dog", dogs, wanted(3, 2, 1), Checker(), known)
    assert numbers(splits["validation"]) == [4, 5]
    assert copies == {"dog/3.jpg": Place("train", "cat", "cat/0.jpg")}


def test_shares_are_of_the_files_without_copies():
    known = content(**{f"n{number}": "cat/0.jpg" for number in range(60, 80)})
    splits, _, copies = pick("cat", FILES, wanted(0.5, 0.25, 0.25), Checker(), known)
    assert {split: len(files) for split, files in splits.items()} == wanted(40, 20, 20)
    assert numbers(copies) == list(range(60, 80))


def test_files_are_digested_only_where_copies_matter_and_once():
    digested = []
    known = Copies(lambda file: digested.append(file) or file)
    pick("cat", FILES, wanted(3, 2, 1), Checker(unusable=[1, 6]), known)
    assert len(digested) == len(set(digested)) == 6
