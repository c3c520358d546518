"""The user's decisions about single pictures: what they do, and what is refused."""

import pytest

from vision import corrections
from vision.corrections import Correction
from vision.errors import UserError

CLASSES = {
    "cat": [f"cat/{number}.jpg" for number in range(4)],
    "dog": [f"dog/{number}.jpg" for number in (0, 1, 2, 9)],
}


def read(tmp_path, *rows, header="file,action,label,reason"):
    path = tmp_path / "corrections.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return corrections.read(path, CLASSES)


def complaints(tmp_path, *rows, **options):
    with pytest.raises(UserError) as error:
        read(tmp_path, *rows, **options)
    return [str(line) for line in error.value.args]


def test_a_header_alone_decides_nothing(tmp_path):
    assert read(tmp_path) == {}


def test_rows_are_read_with_their_reasons(tmp_path):
    assert read(tmp_path, 'cat/1.jpg,drop,,"a logo, no cat"', "", "dog/9.jpg, relabel, cat,") == {
        "cat/1.jpg": Correction("drop", "", "a logo, no cat"),
        "dog/9.jpg": Correction("relabel", "cat", ""),
    }


def test_each_wrong_row_has_a_line_of_its_own(tmp_path):
    said = complaints(
        tmp_path,
        "cat/7.jpg,drop,,",
        "cat/0.jpg,delete,,",
        "cat/1.jpg,relabel,fox,",
        "cat/2.jpg,relabel,,",
        "cat/3.jpg,relabel,cat,",
        "dog/0.jpg,drop,cat,",
        "dog/1.jpg,drop,,fine",
        "dog/1.jpg,relabel,cat,",
        "dog/2.jpg,drop,,one, two",
    )
    expected = [
        (2, "there is no picture cat/7.jpg"),
        (3, "the action 'delete' is unknown; expected drop or relabel"),
        (4, "the label 'fox' is no class; the classes are cat, dog"),
        (5, "the label '' is no class"),
        (6, "cat/3.jpg is of class cat already"),
        (7, "dog/0.jpg is to be dropped, and so takes no label; found 'cat'"),
        (9, "dog/1.jpg has a row already"),
        (10, "5 cells, expected 4"),
    ]
    assert len(said) == len(expected)
    for line, (row, what) in zip(said, expected, strict=True):
        assert f"corrections.csv: row {row}: {what}" in line


@pytest.mark.parametrize("header", ["", "file,action", "picture,action,label,reason"])
def test_other_columns_are_refused(tmp_path, header):
    assert "expected file,action,label,reason" in complaints(tmp_path, header=header)[0]


def test_a_missing_table_is_refused_with_what_to_write(tmp_path):
    with pytest.raises(UserError, match=r"is missing; restore it .* file,action,label,reason"):
        corrections.read(tmp_path / "none.csv", CLASSES)


def test_a_dropped_picture_is_gone_and_the_others_keep_their_order():
    corrected = corrections.apply({"cat/1.jpg": Correction("drop", "", "")}, CLASSES)
    assert corrected == CLASSES | {"cat": ["cat/0.jpg", "cat/2.jpg", "cat/3.jpg"]}


def test_a_relabelled_picture_has_in_the_other_class_the_place_it_had_in_its_own():
    corrected = corrections.apply({"dog/2.jpg": Correction("relabel", "cat", "")}, CLASSES)
    assert corrected["cat"] == ["cat/0.jpg", "cat/1.jpg", "cat/2.jpg", "dog/2.jpg", "cat/3.jpg"]
    assert corrected["dog"] == ["dog/0.jpg", "dog/1.jpg", "dog/9.jpg"]


@pytest.mark.parametrize(
    ("file", "label", "name"),
    [
        ("cat/1.jpg", "cat", "1.jpg"),
        ("dog/9.jpg", "cat", "9.jpg"),
        ("dog/1.jpg", "cat", "dog-1.jpg"),
    ],
)
def test_a_relabelled_picture_takes_no_others_name(file, label, name):
    assert corrections.name(file, label, CLASSES) == name


def test_a_name_is_free_even_where_its_replacement_is_taken():
    classes = {"cat": ["cat/1.jpg", "cat/dog-1.jpg"], "dog": ["dog/1.JPG"]}
    assert corrections.name("dog/1.JPG", "cat", classes) == "dog-dog-1.JPG"
