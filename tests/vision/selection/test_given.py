import pytest

from tests.files import write_files
from vision.runtime.errors import UserError
from vision.selection import given
from vision.sources import given as written

TABLE = """file,split,group,folder,weight
cat/1.jpg,train,NA,a,1
"cat/x,2.jpg",,007,,
dog/null,test,,,2.5
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "pictures.csv"
    path.write_text(TABLE)
    return path


def test_what_is_known_is_text_as_it_stands_in_the_order_of_the_pictures(path):
    table = given.read(path, ["dog/null", "cat/1.jpg", "cat/x,2.jpg"])
    assert list(table.index) == ["dog/null", "cat/1.jpg", "cat/x,2.jpg"]
    assert list(table["split"]) == ["test", "train", ""]
    assert list(table["group"]) == ["", "NA", "007"]
    assert list(table["folder"]) == ["", "a", ""]


def test_what_download_writes_is_read_name_by_name(tmp_path):
    names = ["cat/1, the first.jpg", 'cat/"2".jpg', "dog/null"]
    write_files(tmp_path / "raw", dict.fromkeys(names, b""))
    known = {names[0]: written.Given("test", "ann"), names[2]: written.Given(weight="2")}
    written.write(tmp_path / "pictures.csv", tmp_path / "raw", known)
    table = given.read(tmp_path / "pictures.csv", names)
    assert list(table["split"]) == ["test", "", ""]
    assert list(table["group"]) == ["ann", "", ""]
    assert list(table["weight"]) == ["", "", "2"]


FILES = ["cat/1.jpg", "cat/x,2.jpg", "dog/null"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is missing"),
        (TABLE.replace("weight", "heft"), "the columns are file,split,group,folder,heft, not file"),
        (TABLE.replace("dog/null", "dog/1"), "its rows are not those of the 3 pictures"),
        (TABLE + "dog/null,,,,\n", "its rows are not those of the 3 pictures"),
        (TABLE.replace(",train", ",training"), "cat/1.jpg is in the split training"),
    ],
)
def test_a_table_that_is_not_of_these_pictures_is_refused(path, text, said):
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(UserError, match="write it again with `dvc repro --force download`") as no:
        given.read(path, FILES)
    assert said in str(no.value)
