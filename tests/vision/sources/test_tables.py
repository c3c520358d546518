"""Tables of labels, as people and published data sets write them."""

import random
import re
import tracemalloc
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vision.runtime.errors import UserError
from vision.runtime.text import class_name
from vision.sources import cells, tables
from vision.sources.layout import arrange
from vision.sources.rules import COLUMNS, Rules

PICTURES = ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
TABLE = "file,label\n1.jpg,cat\n2.jpg,dog\n3.jpg,cat\n4.jpg,dog\n"
WANTED = {"1.jpg": "cat", "2.jpg": "dog", "3.jpg": "cat", "4.jpg": "dog"}


@pytest.fixture
def arranged(tmp_path):
    def arrange_them(content, pictures=PICTURES, columns=(), **rules):
        """Arrange pictures beside labels.csv, or beside several tables by their names."""
        contents = content if isinstance(content, dict) else {"labels.csv": content}
        files = {}
        for name, text in contents.items():
            files[name] = tmp_path / str(len(files))
            files[name].write_bytes(text if isinstance(text, bytes) else text.encode())
        rules["columns"] = dict.fromkeys(COLUMNS) | dict(columns)
        found = arrange([*pictures, *contents], Rules(**rules), files)
        return SimpleNamespace(
            label={name: class_name(folder) for name, (folder, _) in found.places.items()},
            **found._asdict(),
        )

    return arrange_them


@pytest.fixture
def refusal(arranged):
    def refuse(*args, **options):
        with pytest.raises(UserError) as error:
            arranged(*args, **options)
        (line,) = error.value.args
        return line

    return refuse


@pytest.mark.parametrize(
    "header",
    ["file,label", "filename,class", "Filepath,Target", "image,category", "path,labels", "id,label",
     "Image_ID,Class Name", "image name,LABEL", "img,category_id"],
)  # fmt: skip
def test_columns_are_recognised_by_usual_names(arranged, header):
    found = arranged(TABLE.replace("file,label", header))
    assert found.label == WANTED
    assert found.tables == ["labels.csv"]
    assert found.left_out == []
    file, label = header.split(",")
    assert found.said == [f"labels from labels.csv (file: {file}, label: {label})"]


def test_columns_are_recognised_among_others_in_any_order(arranged):
    found = arranged(
        ",breed,class,height,id,patient,split,weight\n"
        "0,x,cat,3,1,p1,train,0.5\n1,y,dog,3,2,p1,val,1\n2,z,cat,3,3,p2,TEST,2\n3,x,dog,3,4,,,\n"
    )
    assert found.label == WANTED
    assert found.given["1.jpg"] == ("train", "p1", "", "0.5")
    assert found.given["2.jpg"] == ("validation", "p1", "", "1")
    assert found.given["3.jpg"] == ("test", "p2", "", "2")
    assert found.given["4.jpg"] == ("", "", "", "")


def test_columns_that_are_named_count_whatever_they_are_called(arranged):
    table = "a,b,c,d,e,label\n1,cat,val,g,2,x\n2,dog,train,g,1,x\n3,cat,train,h,1,x\n4,dog,val,,,x"
    columns = {"file": "a", "label": "b", "split": "c", "group": "d", "weight": "e"}
    found = arranged(table, columns=columns)
    assert found.label == WANTED
    assert found.given["1.jpg"] == ("validation", "g", "", "2")


def test_a_column_of_a_usual_name_with_something_else_in_it_is_none(arranged):
    """Numbers of folds, and what an animal weighs."""
    found = arranged("file,label,fold,weight\n1,cat,0,heavy\n2,dog,1,\n3,cat,2,light\n4,dog,0,\n")
    assert {each.split + each.weight for each in found.given.values()} == {""}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": {"label": "breed"}}, "label: breed); labels.csv has file, label"),
        ({"table": "other.csv"}, "there is no other.csv among the pictures"),
        ({"table": "labels.csv", "columns": {"file": "name"}}, "(file: name, label: a usual name)"),
    ],
)
def test_what_is_named_and_not_there_is_refused(refusal, options, said):
    contents = {} if "other.csv" in said else {"labels.csv": TABLE}
    assert said in refusal(contents, **options)


def test_a_table_may_be_named_or_passed_over(arranged):
    assert arranged({"labels.txt": TABLE}, table="labels.txt").label == WANTED
    rules = Rules(table="none")
    assert not tables.is_table("labels.csv", rules)
    assert tables.is_table("a/labels.csv", Rules(table="labels.csv"))
    assert not tables.is_table("a/other.csv", Rules(table="labels.csv"))


# --- files ---


@pytest.mark.parametrize(
    ("cells", "pictures"),
    [
        (["1", "2", "3", "4"], PICTURES),
        (["./1.jpg", "2.jpg", " 3.jpg", "4.JPG"], PICTURES),
        (["1.jpg", "2.jpg", "3.jpg", "4.jpg"], [f"images/{name}" for name in PICTURES]),
        (["a/1.jpg", "a\\2", "b/3", "4"], ["x/a/1.jpg", "x/a/2.jpg", "x/b/3.png", "x/c/4.jpg"]),
        (["a/1", "b/1", "a/2", "b/2"], ["a/1.jpg", "b/1.jpg", "a/2.jpg", "b/2.jpg"]),
        (["img.1", "img.2", "img.3", "img.4"], [f"img.{number}.jpg" for number in range(1, 5)]),
        (["1", "2", "3", "4"], [f"pack.zip/{name}" for name in PICTURES]),
    ],
)
def test_files_are_found_with_or_without_suffix_and_in_sub_folders(arranged, cells, pictures):
    rows = zip(cells, ["cat", "dog"] * 2, strict=True)
    table = "file,label\n" + "".join(f"{file},{label}\n" for file, label in rows)
    found = arranged(table, pictures, {"label": "label"})
    assert found.label == dict(zip(pictures, ["cat", "dog"] * 2, strict=True))


def test_files_are_seen_from_where_the_table_lies(arranged):
    pictures = ["set/images/1.jpg", "set/images/2.jpg", "1.jpg", "2.jpg"]
    rows = "file,label\n../images/1.jpg,cat\n../images/2.jpg,dog\n"
    found = arranged({"set/tables/labels.csv": rows}, pictures, bad_rows=0.5)
    assert found.label == {"set/images/1.jpg": "cat", "set/images/2.jpg": "dog"}


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("5.jpg", "1 with a file that isn't there (row 5 of labels.csv: 5.jpg)"),
        ("", "1 with no file"),
        ("https://example.org/4.jpg", "1 with a web address in place of a file; download"),
        ("/home/ann/4.jpg", "1 with a path from the root of a disk"),
        ("~/4.jpg", "1 with a path from the root of a disk"),
        ("C:\\pets\\4.jpg", "1 with a path from the root of a disk"),
        ("\\\\server\\pets\\4.jpg", "1 with a path from the root of a disk"),
        ("../4.jpg", "1 with a path that leads out of the folder; put these pictures beside"),
        ("..\\..\\4.jpg", "1 with a path that leads out of the folder"),
    ],
)
def test_files_that_are_not_there_or_elsewhere_are_refused_with_what_to_do(refusal, cell, why):
    said = refusal(TABLE.replace("4.jpg", cell))
    assert why in said
    assert "1 with no row in the table (4.jpg)" in said
    assert "of 5 rows and pictures of labels.csv" in said
    assert "allow a share of it by download.bad_rows, which is 0 (found: 0.4)" in said


def test_a_name_that_several_pictures_have_needs_its_folder(refusal):
    pictures = ["a/1.jpg", "b/1.jpg", "b/2.jpg"]
    said = refusal("file,label\n1,cat\nb/1,dog\n2,cat\n", pictures, {"label": "label"})
    assert "1 with a name that several pictures have, so that the folder has to stand" in said


# --- what can't be used ---


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("5.jpg,\n", "1 with no label (row 6 of labels.csv: 5.jpg)"),
        ("", "1 with no row in the table (5.jpg)"),
        ("5.jpg,cat\n5.jpg,dog\n", "1 with rows that are at odds, of one picture (5.jpg)"),
        ("5.jpg,cat,hidden\n", "1 with a split other than train, validation and test (row 6"),
        ("5.jpg,cat,train,-1\n", "1 with a weight that is no number above 0"),
        ("5.jpg,cat,train,many\n", "1 with a weight that is no number above 0"),
        ("5.jpg,cat,train,1,5\n", "1 with more cells than columns; put quotes around"),
    ],
)
def test_each_is_counted_listed_and_refused_above_the_share(arranged, refusal, rows, why):
    table = TABLE.replace("label\n", "label,split,weight\n").replace("dog\n", "dog,train,1\n")
    pictures = [*PICTURES, "5.jpg"]
    assert why in refusal(table + rows, pictures)
    found = arranged(table + rows, pictures, bad_rows=0.25)
    assert found.label == WANTED
    assert why in found.said[1]
    assert found.said[1].startswith("left out: of ")


def test_a_row_that_is_there_twice_with_one_label_is_fine(arranged):
    assert arranged(TABLE + "1.jpg,cat\n").label == WANTED


def test_of_many_bad_rows_the_first_ones_are_shown(refusal):
    said = refusal(TABLE + "".join(f"no{number}.jpg,cat\n" for number in range(1234)))
    assert "1,234 with a file that isn't there (row 6 of labels.csv: no0.jpg, " in said
    assert "and 1,229 more)" in said


# --- labels ---

ODD = ["no", "null", "NA", "nan", "01", "1e5", "True", "None", "~", "1.0", "2024-01-01", "-"]
FREE = ["a/b", "..", ".hidden", "C:\\x", "k=v", 'say "hi"', "it's", "50%2Foff", "100%", "猫", "#1",
        "Жук", "a, b", "=1+1", "\u0643\u0644\u0628", "e\u0301te", "x" * 200,
        "a:b*c?", "<b>"]  # fmt: skip


@pytest.mark.parametrize("label", ODD + FREE)
def test_labels_stay_the_text_that_they_are(arranged, label):
    quoted = '"' + label.replace('"', '""') + '"'
    found = arranged(TABLE.replace("cat", quoted))
    wanted = "\u00e9te" if label == "e\u0301te" else label
    assert set(found.label.values()) == {wanted, "dog"}
    for folder, _ in found.places.values():
        assert "/" not in folder
        assert not folder.startswith(".")


def test_what_folders_of_classes_are_called_is_said_where_it_differs(arranged):
    found = arranged(TABLE.replace("cat", "big/cat"))
    assert found.places["1.jpg"] == ("big%2Fcat", "1.jpg")
    assert found.said[1:] == ["no folder can be called as these classes are: big/cat, in big%2Fcat"]


@pytest.mark.parametrize("numbers", ["0 1", "0.0 1.0", "False True", " 1"])
def test_a_table_may_have_a_column_for_each_class(arranged, numbers):
    no, yes = numbers.split(" ")
    rows = "".join(
        f"{name},{yes if label == 'cat' else no},{yes if label == 'dog' else no}\n"
        for name, label in WANTED.items()
    )
    found = arranged("image,cat,dog\n" + rows)
    assert found.label == WANTED
    assert found.said == ["labels from labels.csv (file: image, label: cat, dog)"]


def test_of_columns_of_zeros_and_ones_those_of_classes_can_be_named(arranged, refusal):
    table = "image,cat,dog,indoors\n1,1,0,1\n2,0,1,1\n3,1,0,0\n4,0,1,0\n"
    assert arranged(table, columns={"label": ["cat", "dog"]}).label == WANTED
    table += "4,1,1,0\n"
    assert "1 with several labels" in refusal(table, columns={"label": ["cat", "dog"]})


def test_all_of_one_class_is_refused(refusal):
    said = refusal(TABLE.replace("dog", "cat"))
    assert "are of one class, cat; name another column by download.columns.label" in said


def test_names_of_classes_that_are_alike_are_refused_as_those_of_folders(arranged, refusal):
    assert "Dog and dog differ in case only" in refusal(TABLE.replace("cat", "Dog"))
    table = TABLE.replace("cat", "dogs")
    assert "singular and plural" in refusal(table)
    assert arranged(table, check_names=False)


# --- beside folders ---

KAGGLE = ["train/1.jpg", "train/2.jpg", "test/1.jpg", "test/3.jpg"]


def test_the_table_of_kaggle_beside_its_folders(arranged):
    contents = {
        "train.csv": "id,label\n1,cat\n2,dog\n",
        "test.csv": "id\n1\n3\n",
        "sample_submission.csv": "id,label\n1,cat\n3,cat\n",
    }
    admitted = {name: text for name, text in contents.items() if tables.is_table(name, Rules())}
    assert list(admitted) == ["train.csv", "test.csv"]
    found = arranged(admitted, KAGGLE)
    assert found.label == {"train/1.jpg": "cat", "train/2.jpg": "dog"}
    assert found.unlabelled == ["test/1.jpg", "test/3.jpg"]
    assert {each.split for each in found.given.values()} == {""}


def test_tables_of_splits_tell_them(arranged):
    contents = {"train.csv": "file,label\n1.jpg,cat\n2.jpg,dog\n",
                "test.csv": "file,label\n3.jpg,cat\n4.jpg,dog\n"}  # fmt: skip
    found = arranged(contents)
    assert found.label == WANTED
    assert [found.given[name].split for name in PICTURES] == ["train", "train", "test", "test"]


def test_a_table_of_the_same_classes_adds_what_folders_dont_tell(arranged, refusal):
    pictures = ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg"]
    table = "file,label,patient,split\n1,cat,a,train\n2,cat,b,test\n3,dog,c,train\n4,dog,d,test\n"
    found = arranged(table, pictures)
    assert found.given["cat/2.jpg"] == ("test", "b", "", "")
    assert found.label["cat/2.jpg"] == "cat"
    some = table.replace("4,dog,d,test\n", "")
    assert arranged(some, pictures).given["dog/4.jpg"] == ("", "", "", "")
    said = refusal(table.replace("d,test", "d,x"), pictures)
    assert "1 with a split other than" in said
    assert "or, since folders tell the classes, say `dvc exp run -S download.table=none`" in said


@pytest.mark.parametrize("others", [["cat", "dog"], ["in", "out"]])
def test_a_table_at_odds_with_folders_is_refused_unless_one_of_them_is_named(
    arranged, refusal, others
):
    pictures = ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg"]
    one, other = others
    table = f"file,label\n1,{one}\n2,{other}\n3,{other}\n4,{one}\n"
    said = refusal(table, pictures)
    assert "by folders (cat, dog) or by labels.csv (" in said
    assert "-S download.columns.label=NAME" in said
    assert "-S download.table=none" in said
    found = arranged(table, pictures, columns={"label": "label"})
    assert [found.label[name] for name in pictures] == [one, other, other, one]
    assert found.given["dog/4.jpg"].folder == "dog"
    assert arranged({}, pictures, table="none").label["dog/4.jpg"] == "dog"


def test_another_column_that_is_named_does_not_make_the_table_overrule_folders(arranged, refusal):
    pictures = ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg"]
    table = "file,label,owner\n1,cat,ann\n3,dog,bob\n"
    found = arranged(table, pictures, columns={"group": "owner"})
    assert found.label == {name: name[:3] for name in pictures}
    assert [found.given[name].group for name in pictures] == ["ann", "", "bob", ""]
    said = refusal(table.replace("3,dog", "3,cat"), pictures, columns={"group": "owner"})
    assert "-S download.columns.label=NAME" in said


@pytest.mark.parametrize("named", [{"table": "labels.csv"}, {"columns": {"label": "label"}}])
def test_a_table_that_names_no_picture_is_refused_where_it_is_to_tell_the_classes(
    arranged, refusal, named
):
    """Else folders do, and it is said that the table doesn't."""
    pictures = ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg"]
    table = "file,label\nphoto-1.jpg,in\nphoto-2.jpg,out\n"
    said = refusal(table, pictures, **named)
    assert said.startswith("labels.csv tells the class of none of the pictures (of 2 rows and")
    assert "2 with a file that isn't there (row 2 of labels.csv: photo-1.jpg, " in said
    assert "name the column of the pictures' files by download.columns.file; if folders" in said
    assert "say `dvc exp run -S download.table=none`" in said
    found = arranged(table, pictures)
    assert found.label == {name: name[:3] for name in pictures}
    assert found.left_out == ["labels.csv"]
    (line,) = found.said
    assert line.startswith("labels.csv tells the class of none of the pictures (of 2 rows and ")
    assert line.endswith("), so that folders tell it")


def test_a_table_without_any_label_leaves_that_to_folders(arranged):
    pictures = ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg"]
    found = arranged("file,label,split\n1,,test\n4,,test\n", pictures)
    assert found.said == [
        "labels.csv tells the class of none of the pictures, so that folders tell it"
    ]


def test_a_table_of_other_things_is_left_out(arranged):
    prices = {"labels.csv": TABLE, "prices.csv": "id,category\n77,food\n78,toys\n"}
    found = arranged(prices)
    assert found.tables == ["labels.csv"]
    assert found.left_out == ["prices.csv"]


# --- encodings and forms ---


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encodings_and_separators(arranged, encoding, separator):
    text = TABLE.replace("cat", "caf\u00e9").replace(",", separator).replace("\n", "\r\n")
    assert arranged(text.encode(encoding)).label["1.jpg"] == "caf\u00e9"


def test_what_spreadsheets_and_people_write_is_plain(arranged):
    rows = '1.jpg;cat;"a\nb;\n"\n2.jpg; dog ;;;\n;;\n3.jpg;cat\n4.jpg;dog\n'
    assert arranged(f"sep=;\n\nfile;label;note\n{rows}").label == WANTED


def test_a_quote_that_is_not_closed_is_refused_with_its_row(refusal):
    assert "labels.csv: row 3: its quotes can't be read" in refusal(TABLE.replace("dog", '"dog', 1))


def test_bytes_that_are_no_text_are_refused(refusal):
    assert "labels.csv is neither in UTF-8 nor in UTF-16 or cp1252" in refusal(
        TABLE.encode() + b"\x81\x8d,cat\n"
    )


def test_parquet_is_read_where_there_is_pyarrow(arranged, tmp_path):
    columns = {"file": [*WANTED], "label": [*WANTED.values()], "image": [b"", b"", b"", b""]}
    pq.write_table(pa.table(columns), tmp_path / "table")
    content = (tmp_path / "table").read_bytes()
    assert arranged({"labels.parquet": content}).label == WANTED
    with pytest.raises(UserError, match="can't be read as Parquet"):
        arranged({"labels.parquet": content[:50]})


def test_parquet_without_pyarrow_is_told_with_what_to_do(refusal, monkeypatch):
    monkeypatch.setattr(cells, "find_spec", lambda name: None)
    assert not tables.is_table("labels.parquet", Rules())
    with pytest.raises(UserError, match="`pip install pyarrow`, which reads it"):
        arrange([*PICTURES, "labels.parquet"])
    assert "`pip install pyarrow`, or save the table as CSV" in refusal(
        {"labels.parquet": b"PAR1"}, table="labels.parquet"
    )


# --- order and size ---


def test_the_order_of_rows_and_files_changes_nothing(arranged):
    header, *rows = TABLE.splitlines()
    first = arranged(TABLE)
    for seed in range(5):
        rng = random.Random(seed)
        shuffled = rng.sample(rows, len(rows)), rng.sample(PICTURES, len(PICTURES))
        assert arranged("\n".join([header, *shuffled[0]]), shuffled[1]) == first


def test_many_rows_take_little_memory(tmp_path):
    """Beside what there is for each picture: the rows are never held."""
    path = tmp_path / "labels.csv"
    pictures = [f"{number}.jpg" for number in range(100)]
    with path.open("w") as file:
        file.write("file,label,comment\n")
        for row in range(100_000):
            file.write(f"{row % 100}.jpg,{'cat' if row % 2 else 'dog'},{'text' * 20}\n")
    tracemalloc.start()
    try:
        known, _ = tables.find({"labels.csv": path}, Rules())
        read = tables.read(known, set(pictures), lambda name: "")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read.told.label) == 100
    assert read.rows == 100_000
    assert path.stat().st_size > 9_000_000
    assert peak < 500_000


# --- what folders tell beside a table ---


def test_a_class_that_is_called_as_a_split_is_none(arranged):
    pictures = [f"lab/{label}/{n}.jpg" for label in ("beaker", "test_tube") for n in (1, 2)]
    rows = "".join(f"{name},{name.split('/')[1]},p{n}\n" for n, name in enumerate(pictures))
    table = {"lab/labels.csv": "file,label,patient\n" + rows}
    found = arranged(table, pictures)
    assert {given.split for given in found.given.values()} == {""}
    assert {given.group for given in found.given.values()} == {"p0", "p1", "p2", "p3"}

    named = arranged(table, pictures, {"label": "label"})
    assert {given.split for given in named.given.values()} == {""}


@pytest.mark.parametrize(
    "test",
    ["test.zip", "test", "test_public", "test_stg1", "test-jpg", "site2_test", "a/test_public"],
)
@pytest.mark.parametrize("around", ["", "set/", "blood_test/", "set.zip/"])
def test_pictures_of_a_test_need_no_row_where_a_named_column_tells_the_classes(
    arranged, around, test
):
    train = "train.zip" if test == "test.zip" else "train"
    pictures = [around + name for name in (f"{train}/1.jpg", f"{train}/2.jpg", f"{test}/3.jpg")]
    table = {f"{around}labels.csv": "file,label\n1,cat\n2,dog\n"}
    found = arranged(table, pictures, {"label": "label"})
    assert [*found.label.values()] == ["cat", "dog"]
    assert found.unlabelled == pictures[2:]


def test_pictures_of_a_test_may_be_in_an_archive_of_their_own(arranged):
    pictures = ["train.zip/1.jpg", "train.zip/2.jpg", "test.zip/3.jpg"]
    found = arranged("file,label\n1,cat\n2,dog\n", pictures)
    assert found.unlabelled == pictures[2:]


def test_a_folder_of_all_pictures_tells_no_split(refusal):
    pictures = [f"blood_test/{n}.jpg" for n in range(4)]
    table = {"blood_test/labels.csv": "file,label\n0,a\n1,b\n"}
    assert "2 with no row in the table" in refusal(table, pictures)


@pytest.mark.parametrize(
    "content", ['id,note\n1,"a 5" pipe, seen"\n', b"PAR1"], ids=["quotes", "Parquet"]
)
def test_a_table_that_cant_be_read_is_passed_over_and_named(arranged, refusal, content):
    name = "notes.parquet" if isinstance(content, bytes) else "notes.csv"
    pictures = ["cat/1.jpg", "dog/2.jpg"]
    found = arranged({name: content}, pictures)
    assert found.label == {"cat/1.jpg": "cat", "dog/2.jpg": "dog"}
    (said,) = found.said
    assert said.startswith(f"passed over: {name}")
    assert f"; passed over: {name}" in refusal({name: content})
    assert refusal({name: content}, columns={"file": "id"}).startswith(name)


def test_an_unreadable_table_beside_one_of_labels_is_named_too(arranged, refusal):
    contents = {"train.parquet": b"PAR1", "val.csv": "file,label\n1,cat\n2,dog\n"}
    found = arranged(contents, PICTURES[:2])
    assert found.tables == ["val.csv"]
    assert found.said[-1].startswith("passed over: train.parquet can't be read as Parquet")
    said = refusal(contents)
    assert "2 with no row in the table" in said
    assert "; passed over: train.parquet can't be read as Parquet" in said


def test_groups_that_cant_be_read_are_not_lost_in_silence(arranged):
    table = b"file,label,patient\ncat/1.jpg,cat,J\x81rg\ndog/2.jpg,dog,Ann\n"
    found = arranged({"labels.csv": table}, ["cat/1.jpg", "dog/2.jpg"])
    (said,) = found.said
    assert said.startswith("passed over: labels.csv is neither in UTF-8 nor in UTF-16 or cp1252")


def test_a_cell_may_be_long(arranged):
    outline = "1 2 " * 100_000
    table = TABLE.replace("file,label", "file,label,outline").replace("cat", f"cat,{outline}")
    assert arranged(table).label == WANTED


def test_of_a_table_with_unusual_columns_these_are_told(refusal):
    said = refusal("number,breed\n1,pug\n2,boxer\n")
    assert "name its columns by download.columns.file and download.columns.label" in said
    assert "labels.csv has number, breed" in said
    said = refusal({"empty.csv": "", "blank.csv": "\n", "labels.csv": "number,breed\n1,pug\n"})
    assert said.endswith("download.columns.label: labels.csv has number, breed")
    assert "name its columns" not in refusal({"empty.csv": ""})
    assert "all are empty" in refusal({"empty.csv": ""}, columns={"label": "breed"})


def test_why_folders_do_not_tell_is_said_where_a_table_lacks_rows(arranged):
    pictures = ["a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg", "c/"]
    with pytest.raises(UserError, match=r"no row in the table .*the folder c holds no pictures"):
        arranged("file,label\n1,a\n3,b\n", pictures)


def test_the_share_that_has_to_be_allowed_is_enough(arranged, refusal):
    pictures = [f"{n}.jpg" for n in range(640)]
    rows = "".join(f"{n},{'cat' if n % 2 else 'dog'}\n" for n in range(637))
    found = re.search(r"found: ([\d.]+)", refusal(f"file,label\n{rows}", pictures))
    assert arranged(f"file,label\n{rows}", pictures, bad_rows=float(found[1])).label
