"""Links in data/external: what DVC cannot follow is refused, all of it at once."""

import subprocess
import sys

import pytest

from tests.code import ROOT
from tests.files import write_files
from vision.runtime.errors import UserError
from vision.sources.links import check_links


@pytest.fixture
def source(tmp_path):
    write_files(tmp_path / "away", {"cat/0.jpg": b"x", "cat/in/0.jpg": b"x", "0.jpg": b"x"})
    return write_files(tmp_path / "external", {"dog/0.jpg": b"x"})


def test_a_folder_that_is_a_link_itself_or_missing_has_none(source, tmp_path):
    (tmp_path / "link").symlink_to("external")
    for folder in ("link", "missing"):
        check_links(tmp_path / folder)


def test_all_linked_folders_are_named_with_where_they_lead_and_the_remedy(source):
    (source / "cat").symlink_to("../away/cat")
    (source / "dog" / "up").symlink_to("..")
    (source / "dog" / "1.jpg").symlink_to("../../away/0.jpg")
    with pytest.raises(UserError) as error:
        check_links(source)
    linked = f"{source}/cat -> ../away/cat, {source}/dog/up -> ..; "
    assert str(error.value).startswith(f"links to folders: {linked}")
    assert "`cp -rL`" in str(error.value)
    assert "`cp -rlL`" in str(error.value)


def test_all_links_that_lead_nowhere_are_named_with_their_targets(source):
    (source / "dog" / "1.jpg").symlink_to("gone.jpg")
    (source / "dog" / "2.jpg").symlink_to("2.jpg")
    with pytest.raises(UserError) as error:
        check_links(source)
    assert f"links that lead nowhere: {source}/dog/1.jpg -> gone.jpg, " in str(error.value)
    assert "2.jpg -> 2.jpg; remove them" in str(error.value)


def test_the_check_is_quick_to_import():
    """Since it comes before each run."""
    program = (
        "import sys, vision.sources.links\n"
        "print(*({'numpy', 'tqdm', 'requests', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.strip()) == (0, "")
