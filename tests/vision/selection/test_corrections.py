"""The user's decisions about single pictures: what they do, and what is refused."""

import pytest

from vision.runtime.errors import UserError
from vision.selection import corrections
from vision.selection.corrections import Correction

CLASSES = {
    "cat": [f"cat/{number}.jpg" for number in range(4)],
    "dog": [f"dog/{number}.jpg" for number in (0, 1, 2, 9)],
}


def read(tmp_path, *rows, header="file,action,label,reason", classes=CLASSES):
    path = tmp_path / "corrections.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return corrections.read(path, classes)


def complaints(tmp_path, *rows, **options):
    with pytest.raises(UserError) as error:
        read(tmp_path, *rows, **options)
    return [str(line) for line in error.value.args]


def test_rows_are_read_with_their_reasons(tmp_path):
    assert read(tmp_path) == {}
    assert read(tmp_path, 'cat/1.jpg,drop,,"a logo, no cat"', "", "dog/9.jpg, relabel, cat,") == {
        "cat/1.jpg": Correction("drop", "", "a logo, no cat"),
        "dog/9.jpg": Correction("relabel", "cat", ""),
    }
    composed = {"caf\u00e9": ["caf\u00e9/1.jpg"], "tea": ["tea/1.jpg"]}
    as_macos_writes_it = "cafe\u0301/1.jpg,drop,,"
    assert list(read(tmp_path, as_macos_writes_it, classes=composed)) == composed["caf\u00e9"]


def test_spaces_at_an_end_of_a_name_are_part_of_it_where_it_is_one(tmp_path):
    classes = {" cat": [" cat/1.jpg", " cat/2.jpg"], "dog ": ["dog /1.jpg"], "cat": ["cat/1.jpg"]}
    rows = [" cat/1.jpg,drop,,", "cat/1.jpg ,relabel,dog ,", " cat/2.jpg,relabel, cat ,"]
    assert read(tmp_path, *rows, classes=classes) == {
        " cat/1.jpg": Correction("drop", "", ""),
        "cat/1.jpg": Correction("relabel", "dog ", ""),
        " cat/2.jpg": Correction("relabel", "cat", ""),
    }
    with pytest.raises(UserError, match=r"no picture cat/2.jpg; expected .* as in ' cat/1\.jpg'$"):
        read(tmp_path, "cat/2.jpg,drop,,", classes=classes)
    with pytest.raises(UserError, match=r"the classes are ' cat', cat, 'dog '$"):
        read(tmp_path, "cat/1.jpg,relabel,dog,", classes=classes)


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
        "dog/9.jpg",
    )
    expected = [
        (2, "there is no picture cat/7.jpg"),
        (3, "the action 'delete' is unknown; expected drop or relabel"),
        (4, "the label 'fox' is no class; the classes are cat, dog"),
        (5, "the label '' is no class"),
        (6, "cat/3.jpg is of class cat already"),
        (7, "dog/0.jpg is to be dropped, and so takes no label; found 'cat'"),
        (9, "dog/1.jpg has a row already"),
        (10, "5 cells, expected 4: file, action, label, reason; put quotes around one"),
        (11, "the action '' is unknown; expected drop or relabel"),
    ]
    assert len(said) == len(expected)
    for line, (row, what) in zip(said, expected, strict=True):
        assert f"corrections.csv: row {row}: {what}" in line


@pytest.mark.parametrize("header", ["", "file,action", "picture,action,label,reason"])
def test_other_columns_are_refused(tmp_path, header):
    assert "expected file,action,label,reason" in complaints(tmp_path, header=header)[0]


TABLE = 'file,action,label,reason\ncat/1.jpg,drop,,"a dög, no cat"\ndog/9.jpg,relabel,cat,\n'
DECIDED = {
    "cat/1.jpg": Correction("drop", "", "a dög, no cat"),
    "dog/9.jpg": Correction("relabel", "cat", ""),
}


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_a_table_is_read_however_a_spreadsheet_saves_it(tmp_path, encoding, separator, ends):
    text = TABLE.replace(", no", "| no").replace(",", separator).replace("| no", ", no")
    mark = "\ufeff" if encoding == "utf-16-be" else ""  # Python writes the one of its own order
    path = tmp_path / "corrections.csv"
    path.write_bytes((mark + text.replace("\n", ends)).encode(encoding))
    assert corrections.read(path, CLASSES) == DECIDED


@pytest.mark.parametrize(
    "text",
    [
        TABLE.replace("file", "\n  \nfile"),
        TABLE.replace("file,action", "File, ACTION").replace("drop", "Drop"),
        TABLE.replace("\n", ",,\n"),
        TABLE.replace("cat,\n", "cat\n"),
        "sep=,\n" + TABLE,
        "\nSEP=;\n" + TABLE.replace(",", ";").replace("; no", ", no"),
        '"sep=|"\n' + TABLE.replace(",", "|").replace("| no", ", no"),
    ],
)
def test_what_else_spreadsheets_and_people_write_is_plain(tmp_path, text):
    path = tmp_path / "corrections.csv"
    path.write_text(text)
    assert corrections.read(path, CLASSES) == DECIDED


@pytest.mark.parametrize("before", ["", "\n", "sep=,\n"])
def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path, before):
    path = tmp_path / "corrections.csv"
    path.write_text(f"{before}file,action,label,reason\n\ncat/7.jpg,drop,,\n")
    row = 3 + bool(before)
    with pytest.raises(UserError, match=f"row {row}: there is no picture cat/7"):
        corrections.read(path, CLASSES)


@pytest.mark.parametrize("closing", ["", ' again"', '"cat"'])
def test_a_quote_that_is_not_closed_takes_no_other_rows_in(tmp_path, closing):
    said = complaints(
        tmp_path, "cat/0.jpg,drop,,x", 'cat/1.jpg,drop,,"open', f"cat/2.jpg,drop,,{closing}x"
    )
    assert len(said) == 1
    assert "row 3: its quotes can't be read" in said[0]
    assert "close each one that is opened" in said[0]


def test_another_encoding_is_refused_with_how_to_save_the_table(tmp_path):
    path = tmp_path / "corrections.csv"
    path.write_bytes(TABLE.encode("cp1252"))
    with pytest.raises(UserError, match=r"csv: line 2 is not in UTF-8; save the file as UTF-8"):
        corrections.read(path, CLASSES)
    path.write_bytes(TABLE.encode("utf-16")[:-1])
    with pytest.raises(UserError, match="save the file as UTF-8"):
        corrections.read(path, CLASSES)


@pytest.mark.parametrize("rows", [1, 0])
def test_a_merge_that_was_left_unfinished_is_named(tmp_path, rows):
    header, *others = TABLE.splitlines(keepends=True)
    text = "<<<<<<< HEAD\n" + others[0] + "=======\n" + others[1] + ">>>>>>> theirs\n"
    path = tmp_path / "corrections.csv"
    path.write_text(header * rows + text)
    with pytest.raises(UserError) as error:
        corrections.read(path, CLASSES)
    (said,) = error.value.args
    assert said.startswith(
        f"{path} is in the midst of a merge, with git's <<<<<<< in line {rows + 1}"
    )


def test_a_missing_table_is_refused_with_what_to_write(tmp_path):
    with pytest.raises(UserError, match=r"is missing; restore it .* file,action,label,reason"):
        corrections.read(tmp_path / "none.csv", CLASSES)


def test_a_picture_is_dropped_or_has_the_place_it_had_in_its_own_class():
    decided = {
        "cat/1.jpg": Correction("drop", "", ""),
        "dog/2.jpg": Correction("relabel", "cat", ""),
    }
    assert corrections.apply(decided, CLASSES) == {
        "cat": ["cat/0.jpg", "cat/2.jpg", "dog/2.jpg", "cat/3.jpg"],
        "dog": ["dog/0.jpg", "dog/1.jpg", "dog/9.jpg"],
    }


@pytest.mark.parametrize(
    ("file", "label", "name"),
    [
        ("cat/1.jpg", "cat", "1.jpg"),
        ("dog/9.jpg", "cat", "9.jpg"),
        ("dog/1.JPG", "cat", "dog-1.JPG"),
        ("dog/3.jpg", "cat", "dog-dog-3.jpg"),
    ],
)
def test_a_relabelled_picture_takes_no_others_name(file, label, name):
    classes = {"cat": ["cat/1.jpg", "cat/3.jpg", "cat/dog-3.jpg"]}
    classes["dog"] = ["dog/1.JPG", "dog/3.jpg", "dog/9.jpg"]
    assert corrections.name(file, label, corrections.owners(classes)) == name
