import pytest

from vision.sources import readme


def test_no_name_becomes_markdown(tmp_path):
    counts = {"a|b": 1000, "<b>": 1, "[x](y)": 1, "_*_": 1}
    readme.write(tmp_path / "README.md", counts, "external", ["1 files left out, such as <i>"])
    text = (tmp_path / "README.md").read_text()
    assert "1,003 pictures of 4 classes" in text
    assert "| a\\|b | 1,000 |\n| \\<b> | 1 |\n| \\[x](y) | 1 |\n| \\_\\*\\_ | 1 |\n" in text
    assert text.endswith("\n\n- 1 files left out, such as \\<i>.\n")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("__init__.csv has [x](y), *z*", "\\_\\_init\\_\\_.csv has \\[x](y), \\*z\\*"),
        ("a\\b and `<i>", "A\\\\b and \\`\\<i>"),
        ("type `few predict my_[1] '<i>'`", "Type `few predict my_[1] '<i>'`"),
    ],
)
def test_in_what_was_found_nothing_is_markdown_but_commands(tmp_path, said, written):
    readme.write(tmp_path / "README.md", {"cat": 2, "dog": 1}, "external", [said])
    assert (tmp_path / "README.md").read_text().endswith(f"\n\n- {written}.\n")


def test_where_there_is_nothing_to_say_it_ends_with_the_classes(tmp_path):
    readme.write(tmp_path / "README.md", {"cat": 2, "dog": 1}, "sample", [])
    assert (tmp_path / "README.md").read_text().endswith("| cat | 2 |\n| dog | 1 |\n")
