from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from vision.runtime.errors import UserError
from vision.selection.dealing import copies_across, count_groups, deal, straddling
from vision.selection.splits import Copies, Place

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def files(label, count):
    return [f"{label}/{number}" for number in range(count)]


def in_groups(sizes_of_classes):
    """Make files of classes in groups of some sizes: {"cat": {"ann": 3, "": 2}}."""
    classes = {label: files(label, sum(of.values())) for label, of in sizes_of_classes.items()}
    group_of = {}
    for label, sizes in sizes_of_classes.items():
        names = [name for name, size in sizes.items() for _ in range(size)]
        group_of |= {file: name for file, name in zip(classes[label], names, strict=True) if name}
    return classes, group_of


def counts(dealt):
    return {
        label: tuple(len(of) for of in picked.splits.values())
        for label, picked in dealt.picked.items()
    }


def places(dealt):
    return {
        file: split
        for picked in dealt.picked.values()
        for split, of_split in picked.splits.items()
        for file in of_split
    }


def are_whole(dealt, group_of):
    return straddling(dealt.picked, group_of) == 0


def test_without_groups_splits_are_filled_in_order():
    dealt = deal({"cat": files("cat", 10), "dog": files("dog", 5)}, {}, {}, SHARES)
    assert dealt.picked["cat"].splits == {
        "train": files("cat", 10)[:6],
        "validation": files("cat", 10)[6:8],
        "test": files("cat", 10)[8:],
    }
    assert counts(dealt)["dog"] == (3, 1, 1)
    assert dealt.missed == []


def farthest(counts, sizes):
    """How far a class is at most from its share of a split, in pictures."""
    return max(
        abs(count - share * sizes[label])
        for label, of_class in counts.items()
        for count, share in zip(of_class, SHARES.values(), strict=True)
    )


@pytest.mark.parametrize("seed", range(5))
def test_shares_of_classes_are_kept_nearer_than_scikit_learn_keeps_them(seed):
    rng = np.random.default_rng(seed)
    classes, group_of = in_groups(
        {
            label: {f"subject {number}": int(rng.geometric(0.2)) for number in range(60)}
            for label in ("cat", "dog", "owl")
        }
    )
    dealt = deal(classes, group_of, {}, SHARES, rng)
    assert are_whole(dealt, group_of)
    sizes = {label: len(of_class) for label, of_class in classes.items()}
    assert all(sum(of_class) == sizes[label] for label, of_class in counts(dealt).items())

    labels = np.array([file.partition("/")[0] for file in group_of])
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    folds = [labels[part] for _, part in splitter.split(labels, labels, [*group_of.values()])]
    parts = (np.concatenate(folds[:3]), *folds[3:])
    theirs = {label: [(part == label).sum() for part in parts] for label in classes}
    assert farthest(counts(dealt), sizes) <= farthest(theirs, sizes)


def test_a_large_group_that_comes_last_still_finds_its_place():
    classes, group_of = in_groups({"cat": dict.fromkeys(map(str, range(40)), 1) | {"large": 60}})
    dealt = deal(classes, group_of, {}, SHARES)
    assert counts(dealt) == {"cat": (60, 20, 20)}


def test_counts_take_the_first_groups_and_no_more_pictures_than_asked_for():
    classes, group_of = in_groups({"cat": {f"burst {number}": 5 for number in range(20)}})
    dealt = deal(classes, group_of, {}, {"train": 12, "validation": 5, "test": 4})
    splits = dealt.picked["cat"].splits
    assert splits["train"] == files("cat", 100)[:12]
    assert (len(splits["validation"]), len(splits["test"])) == (5, 4)
    assert are_whole(dealt, group_of)
    assert count_groups(dealt.picked, group_of) == {
        "train": {"cat": 3},
        "validation": {"cat": 1},
        "test": {"cat": 1},
    }


def test_what_whole_groups_make_impossible_is_told_with_the_numbers():
    classes, group_of = in_groups({"cat": {"ann": 80, "bob": 10, "eve": 10}})
    dealt = deal(classes, group_of, {}, {"train": 0.34, "validation": 0.33, "test": 0.33})
    assert ("cat", "train", 80, 34) in dealt.missed
    assert are_whole(dealt, group_of)


def test_classes_of_fewer_than_three_groups_are_trained_on_only_or_refused():
    classes, group_of = in_groups(
        {"ant": {"ann": 4, "bob": 4}, "bee": {"": 2}, "cow": {"": 10}, "dog": {"": 3}}
    )
    dealt = deal(classes, group_of, {}, SHARES)
    assert counts(dealt) == {"ant": (8, 0, 0), "bee": (2, 0, 0), "cow": (6, 2, 2), "dog": (1, 1, 1)}
    with pytest.raises(UserError) as refusal:
        deal(classes, group_of, {}, SHARES, strict=True)
    assert [line.partition(":")[0] for line in refusal.value.args] == [
        "class ant has too few groups",
        "class bee has too few groups",
    ]


def test_a_group_that_a_class_can_only_be_trained_on_with_takes_other_classes_along():
    classes, group_of = in_groups({"ant": {"ann": 1}, "bee": {"": 10, "ann": 3}})
    dealt = deal(classes, group_of, {}, SHARES)
    assert places(dealt)["ant/0"] == "train"
    assert are_whole(dealt, group_of)


def test_no_class_with_enough_groups_is_an_error():
    classes, group_of = in_groups({"cat": {"ann": 5, "bob": 5}})
    with pytest.raises(UserError, match="no class has 3 groups of pictures, one for each split"):
        deal(classes, group_of, {}, SHARES)


GIVEN_TEST = {f"{label}/{number}": "test" for label in ("cat", "dog") for number in (0, 1, 2)}


def test_given_splits_stay_and_validation_is_cut_from_training():
    classes = {"cat": files("cat", 13), "dog": files("dog", 13)}
    given = dict.fromkeys(classes["cat"] + classes["dog"], "train") | GIVEN_TEST
    dealt = deal(classes, {}, given, SHARES)
    assert {file for file, split in places(dealt).items() if split == "test"} == set(GIVEN_TEST)
    assert counts(dealt) == {"cat": (8, 2, 3), "dog": (8, 2, 3)}


def test_where_all_splits_are_given_nothing_is_cut_whatever_the_parameters_say():
    classes = {"cat": files("cat", 9)}
    given = dict(zip(classes["cat"], ["train", "validation", "test"] * 3, strict=True))
    dealt = deal(classes, {}, given, {"train": 1000, "validation": 500, "test": 500})
    assert places(dealt) == given


def test_pictures_without_a_split_are_cut_into_what_is_not_given():
    dealt = deal({"cat": files("cat", 13)}, {}, {f"cat/{n}": "test" for n in range(3)}, SHARES)
    assert counts(dealt) == {"cat": (6, 2, 3)}


def test_pictures_without_a_split_go_where_the_rest_of_their_group_is_given():
    classes, group_of = in_groups({"cat": {"ann": 4, "bob": 4, "": 10}})
    dealt = deal(classes, group_of, {"cat/1": "test", "cat/5": "validation"}, SHARES)
    assert {places(dealt)[file] for file in files("cat", 4)} == {"test"}
    assert {places(dealt)[f"cat/{number}"] for number in range(4, 8)} == {"validation"}


def test_classes_of_which_nothing_is_left_to_train_on_are_all_named():
    classes = {label: files(label, 4) for label in ("ant", "bee", "cow")}
    given = dict.fromkeys(classes["bee"] + classes["cow"], "test")
    with pytest.raises(UserError, match="left to train on of 2 classes: bee, cow; give them some"):
        deal(classes, {}, given, SHARES)


def test_validation_pictures_that_training_has_too_few_for_are_refused_with_the_numbers():
    classes = {"ant": files("ant", 4), "bee": files("bee", 40)}
    given = {file: "train" for of_class in classes.values() for file in of_class}
    given |= {"ant/0": "test", "bee/0": "test"}
    with pytest.raises(UserError, match=r"class ant has too few pictures: 3 can .*validation 5"):
        deal(classes, {}, given, {"train": 10, "validation": 5, "test": 5})


def test_copies_and_groups_across_given_splits_stay_and_are_counted():
    classes, group_of = in_groups({"cat": {"ann": 3, "": 7}})
    given = dict(zip(classes["cat"], ["train", "test"] * 5, strict=True))
    known = Copies(lambda file: "same" if file in ("cat/4", "cat/5") else file)
    dealt = deal(classes, group_of, given, SHARES, known=known)
    assert places(dealt).keys() == given.keys()
    assert places(dealt)["cat/5"] == "test"
    assert copies_across(dealt.picked, known.of) == {"cat": 1}
    assert straddling(dealt.picked, group_of) == 1


def test_copies_stay_together_as_a_group_does():
    known = Copies(lambda file: "same" if file in ("cat/0", "dog/9") else file)
    classes = {"cat": files("cat", 10), "dog": files("dog", 10)}
    dealt = deal(classes, {}, {}, SHARES, known=known)
    assert places(dealt)["cat/0"] == places(dealt)["dog/9"]
    assert counts(dealt) == {"cat": (6, 2, 2), "dog": (6, 2, 2)}
    asked = {"train": 6, "validation": 2, "test": 2}
    assert counts(deal(classes, {}, {}, asked, known=known)) == counts(dealt)


@pytest.mark.parametrize(("split", "is_left_out"), [("test", True), ("train", False)])
def test_a_copy_of_what_is_given_for_the_test_is_not_trained_on(split, is_left_out):
    known = Copies(lambda file: "same" if file in ("cat/0", "cat/5") else file)
    dealt = deal({"cat": files("cat", 10)}, {}, {"cat/0": split}, SHARES, known=known)
    place = Place(split, "cat", "cat/0")
    assert dealt.picked["cat"].copies == ({"cat/5": place} if is_left_out else {})
    if not is_left_out:
        assert places(dealt)["cat/0"] == places(dealt)["cat/5"]


@pytest.mark.parametrize("amount", [0.6, 1000, 2])
def test_where_validation_and_test_are_given_all_others_are_trained_on(amount):
    given = {"cat/0": "validation", "cat/1": "test"}
    dealt = deal({"cat": files("cat", 10)}, {}, given, SHARES | {"train": amount})
    assert counts(dealt) == {"cat": (8, 1, 1)}


@pytest.mark.parametrize("strict", [False, True])
def test_where_nothing_is_left_to_train_on_that_is_what_is_told(strict):
    given = dict.fromkeys(files("cat", 3), "test") | {"dog/0": "validation"}
    classes = {"cat": files("cat", 3), "dog": files("dog", 1)}
    with pytest.raises(UserError, match="no picture is left to train on of 2 classes: cat, dog"):
        deal(classes, {}, given, {"train": 1000, "validation": 5, "test": 5}, strict=strict)


def test_a_seed_decides_the_order():
    classes, group_of = in_groups({"cat": {f"burst {number}": 3 for number in range(20)}})
    drawn = [deal(classes, group_of, {}, SHARES, np.random.default_rng(n)) for n in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert Counter(places(drawn[2]).values()) == {"train": 36, "validation": 12, "test": 12}
