import pytest

from tests.files import write_files
from vision import pictures
from vision.selection import corrections
from vision.sources import given
from vision.sources.given import Given


def of(*splits):
    return {str(number): Given(split=split) for number, split in enumerate(splits)}


@pytest.mark.parametrize(
    ("found", "settled"),
    [
        (["train", "train"], ["", ""]),
        (["train", "test"], ["train", "test"]),
        (["train", ""], ["train", ""]),
        (["train", "evaluation"], ["train", "test"]),
        (["train", "evaluation", "test"], ["train", "validation", "test"]),
    ],
)
def test_splits_are_meant_as_they_are_seen_together(found, settled):
    assert given.settled(of(*found)) == of(*settled)


def test_the_table_has_a_row_for_each_picture_in_the_order_of_the_index(tmp_path):
    names = ["cat/10.jpg", "cat/2.jpg", "a%2Fb/1.jpg", "a-b/1.jpg", "null/x, y.jpg", "%2Ec/0.jpg"]
    raw = write_files(tmp_path / "raw", dict.fromkeys(names, b""))
    known = {
        "cat/10.jpg": Given("test", "=g", "left", "0.50"),
        "a%2Fb/1.jpg": Given(group="01"),
    }
    given.write(tmp_path / "pictures.csv", raw, known)
    written = (tmp_path / "pictures.csv").read_bytes().decode()
    assert written == (
        "file,split,group,folder,weight\n"
        "%2Ec/0.jpg,,,,\na-b/1.jpg,,,,\na%2Fb/1.jpg,,01,,\n"
        'cat/2.jpg,,,,\ncat/10.jpg,test,=g,left,0.50\n"null/x, y.jpg",,,,\n'
    )
    index = pictures.index(raw)
    assert list(index["label"].unique()) == [".c", "a-b", "a/b", "cat", "null"]
    rows = written.splitlines()[1:]
    assert all(name in row for name, row in zip(index["file"], rows, strict=True))


def test_a_correction_names_the_class_and_moves_the_picture_to_its_folder(tmp_path):
    """The file is called as in the tables, with the folder; the class as it is."""
    classes = {"a/b": ["a%2Fb/1.jpg", "a%2Fb/2.jpg"], "cat": ["cat/1.jpg"]}
    path = tmp_path / "corrections.csv"
    path.write_text("file,action,label,reason\na%2Fb/1.jpg,relabel,cat,\ncat/1.jpg,relabel,a/b,\n")
    decided = corrections.read(path, classes)
    corrected = corrections.apply(decided, classes)
    assert corrected == {"a/b": ["cat/1.jpg", "a%2Fb/2.jpg"], "cat": ["a%2Fb/1.jpg"]}
    owners = corrections.owners(classes)
    assert corrections.name("a%2Fb/2.jpg", "a/b", owners) == "2.jpg"
    assert corrections.name("a%2Fb/1.jpg", "cat", owners) == "a%2Fb-1.jpg"
