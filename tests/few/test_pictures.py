"""What `few train` does with a folder or an archive before anything runs."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from few import pictures
from few.pictures import Found
from tests.code import ROOT
from tests.pipeline.conftest import Project
from vision.params import load_params
from vision.runtime.errors import UserError

DOWNLOAD = load_params(ROOT / "params.yaml").download
# By the number of each class.
THREE = {"bowl": 12, "glass": 12, "mug": 12}


def write(folder, classes=THREE):
    """Write files that are called pictures; whether they are, a stage finds out."""
    for label, count in classes.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            (folder / label / f"IMG_{number:04}.jpg").write_bytes(f"{label}{number}".encode())
    return folder


def zipped(folder):
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to be brought in, where the working folder is a project beside it."""
    (tmp_path / "project/data/external").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return write(tmp_path / "tableware")


# --- what is found ---


def test_classes_are_counted_and_what_is_no_picture_is_left_out(folder):
    for name in (".DS_Store", "mug/IMG_0200.MOV"):
        (folder / name).touch()
    found = pictures.look(folder, DOWNLOAD)
    assert found.classes == THREE
    assert len(found.files) == 36
    assert found.described() == (
        f"{folder}: 36 pictures, bowl 12, glass 12, mug 12\n"
        "2 files left out, since they are no pictures: .mov 1, hidden 1 (such as "
        "tableware/.DS_Store)"
    )


def test_an_archive_is_counted_and_stays_one(folder):
    archive = zipped(folder)
    found = pictures.look(archive, DOWNLOAD)
    assert found.classes == THREE
    assert found.files == {Path("tableware.zip"): archive}


def test_the_path_may_be_a_link_or_relative_and_files_may_be_links(folder, tmp_path):
    original = (folder / "mug/IMG_0000.jpg").rename(tmp_path / "original.jpg")
    (folder / "mug/IMG_0000.jpg").symlink_to(original)
    (tmp_path / "link").symlink_to(folder)
    assert pictures.look(Path("../link"), DOWNLOAD).classes == THREE


def test_names_in_the_decomposed_form_of_macos_are_found(folder):
    (folder / "mug").rename(folder / "bu\u0308gel")
    assert pictures.look(folder, DOWNLOAD).classes == {"bowl": 12, "bügel": 12, "glass": 12}


def test_many_more_of_one_class_are_told(folder):
    write(folder, {"cup": 60})
    said = pictures.look(folder, DOWNLOAD).described()
    assert "many more of cup than of mug: whoever always says cup is right on 62%" in said


def test_a_table_of_labels_comes_along_with_all_pictures_that_it_names(folder):
    for path in folder.rglob("*.jpg"):
        path.unlink()
    for label in THREE:
        (folder / label).rmdir()
    rows = [f"{number},{'a/b' if number % 2 else 'null'},{number > 8}" for number in range(12)]
    (folder / "labels.csv").write_text("id,class,note\n" + "\n".join(rows))
    for number in range(12):
        (folder / f"{number}.jpg").touch()
    found = pictures.look(folder, DOWNLOAD)
    assert found.classes == {"a/b": 6, "null": 6}
    assert {str(path) for path in found.files} == {
        "tableware/labels.csv", *(f"tableware/{number}.jpg" for number in range(12))
    }  # fmt: skip
    assert "labels from tableware/labels.csv (file: id, label: class)" in found.described()


def test_splits_of_others_stay_and_pictures_without_labels_come_along(folder):
    write(folder / "train", THREE)
    for label in THREE:
        shutil.rmtree(folder / label)
    (folder / "test").mkdir()
    (folder / "test/1.jpg").touch()
    found = pictures.look(folder, DOWNLOAD)
    assert found.splits == set()
    assert Path("tableware/test/1.jpg") in found.files
    assert f"`few predict {folder}/test` tells their classes" in found.described()
    (folder / "test/1.jpg").unlink()
    write(folder / "test", THREE)
    found = pictures.look(folder, DOWNLOAD)
    assert found.splits == {"train", "test"}
    assert "others have split these pictures: train 36, test 36; that stays so" in found.described()


# --- shares ---


@pytest.mark.parametrize(
    ("splits", "shares"),
    [
        (["train", "test"], {"subset.validation": 0.2, "subset.train": 0.8}),
        (["train", "validation"], {"subset.test": 0.2, "subset.train": 0.8}),
        (["test"], {"subset.validation": 0.2, "subset.train": 0.8}),
        (["train", "validation", "test"], {}),
    ],
)
def test_where_others_have_split_only_what_is_left_open_has_shares(splits, shares):
    assert Found(Path("p"), {"a": 60}, {}, [], splits).shares() == shares


@pytest.mark.parametrize(
    ("smallest", "shares"),
    [
        (4, (0.5, 0.25, 0.25)),
        (12, (0.5, 0.25, 0.25)),
        (39, (0.5, 0.25, 0.25)),
        (40, (0.6, 0.2, 0.2)),
        (60, (0.6, 0.2, 0.2)),
        (200, (0.7, 0.15, 0.15)),
        (1000, (0.8, 0.1, 0.1)),
        (12_500, (0.8, 0.1, 0.1)),
    ],
)
def test_the_smallest_class_decides_the_shares(smallest, shares):
    found = Found(Path("p"), {"a": smallest, "b": 100_000}, {}, [])
    assert tuple(found.shares().values()) == shares
    assert sum(shares) == pytest.approx(1)
    assert all(int(share * smallest) for share in shares)


# --- what is refused ---


def pack(folder):
    zipped(folder / "mug")
    shutil.rmtree(folder / "mug")


REFUSED = {
    "nothing there": (shutil.rmtree, "/tableware doesn't exist; name a folder with one sub-folder"),
    "no picture": (
        lambda folder: (shutil.rmtree(folder), folder.mkdir()),
        ": there are no pictures (",
    ),
    "one class": (
        lambda folder: [shutil.rmtree(folder / label) for label in ("bowl", "glass")],
        "one class",
    ),
    "an empty class": (lambda folder: (folder / "cup").mkdir(), "tableware/cup"),
    "a class of too few": (
        lambda folder: write(folder, {"cup": 3}),
        "class cup has only 3 pictures; each class needs 4 at least",
    ),
    "names that are alike": (lambda folder: write(folder, {"mugs": 12}), "mugs"),
    "a linked folder": (
        lambda folder: (folder / "cup").symlink_to(folder / "mug"),
        "links to folders",
    ),
    "an archive within": (pack, "/tableware holds an archive with pictures in it, such as "),
    "a file": (
        lambda folder: (shutil.rmtree(folder), folder.write_text("")),
        "/tableware is neither a folder nor an archive that can be read (.zip, ",
    ),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line(folder, change, said):
    change(folder)
    with pytest.raises(UserError) as refused:
        pictures.look(folder, DOWNLOAD)
    (line,) = refused.value.args
    assert said in line
    assert "\n" not in line


@pytest.mark.parametrize("given", [".", "..", "data/external", "data/external/tableware"])
def test_the_project_s_own_folders_are_refused(folder, given):
    shutil.copytree(folder, "data/external/tableware")
    with pytest.raises(UserError, match="holds the project's own files, or lies in data/external"):
        pictures.look(Path(given), DOWNLOAD)


def test_a_damaged_archive_is_refused(folder):
    archive = zipped(folder)
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"^in .*: tableware\.zip"):
        pictures.look(archive, DOWNLOAD)


# --- bringing them in ---


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("begun") / "project")
    project.commit("Begin")
    return project


@pytest.fixture
def project(begun, tmp_path, monkeypatch):
    copied = begun.copy_to(tmp_path / "a project")
    monkeypatch.chdir(copied.folder)
    return copied


def bring(source):
    pictures.bring_in(pictures.look(source, DOWNLOAD))


def there(name):
    return {str(path.relative_to(name)) for path in Path(name).rglob("*") if path.is_file()}


def test_they_are_copied_and_tracked_and_the_originals_stay_as_they_are(project, tmp_path, capsys):
    """Even where DVC links its cache to what it is given, and makes that read-only."""
    project.dvc("config", "cache.type", "hardlink")
    source = write(tmp_path / "my mugs")
    (source / "mug/IMG_0200.MOV").touch()
    bring(source)
    assert len(there("data/external/my mugs")) == 36
    assert capsys.readouterr().out == (
        "$ dvc add 'data/external/my mugs'\n$ git add 'data/external/my mugs.dvc'\n"
    )
    assert project.run("git", "status", "--porcelain").stdout == (
        ' M .dvc/config\nA  "data/external/my mugs.dvc"\n'
    )
    for original in source.rglob("*.jpg"):
        assert os.access(original, os.W_OK)
        assert original.stat().st_nlink == 1


def test_again_it_copies_what_is_new_and_takes_away_what_is_gone(project, tmp_path, monkeypatch):
    source = write(tmp_path / "tableware")
    bring(source)
    (source / "mug/IMG_0000.jpg").write_bytes(b"another one")
    shutil.rmtree(source / "bowl")
    write(source, {"cup": 4})
    copied = []
    real = shutil.copyfile
    monkeypatch.setattr(
        pictures.shutil, "copyfile", lambda one, to: (copied.append(one), real(one, to))
    )
    bring(source)
    assert sorted({file.parent.name for file in copied}) == ["cup", "mug"]
    assert len(copied) == 5
    assert there("data/external/tableware") == there(source)
    assert not Path("data/external/tableware/bowl").exists()  # an empty class would be refused


def test_others_take_the_place_of_those_that_dvc_has(project, tmp_path):
    bring(write(tmp_path / "tableware"))
    bring(zipped(write(tmp_path / "cutlery")))
    found = {path.name for path in Path("data/external").iterdir()}
    assert found == {".gitignore", "README.md", "cutlery.zip", "cutlery.zip.dvc"}
    with zipfile.ZipFile("data/external/cutlery.zip") as archive:
        assert len([name for name in archive.namelist() if name.endswith(".jpg")]) == 36


@pytest.mark.parametrize("tracked", [False, True])
def test_what_dvc_does_not_have_is_never_replaced(project, tmp_path, tracked):
    own = write(Path("data/external/own"))
    if tracked:
        project.dvc("add", str(own))
        (own / "mug/IMG_0000.jpg").unlink()
        (own / "mug/IMG_0000.jpg").write_bytes(b"edited")
    with pytest.raises(UserError, match=r"^data/external/own would be replaced, and DVC doesn't"):
        bring(write(tmp_path / "tableware"))
    assert len(there(own)) == 36
    assert not Path("data/external/tableware").exists()


def test_an_interrupted_copy_goes_on(project, tmp_path):
    source = write(tmp_path / "tableware")
    shutil.copytree(source / "mug", "data/external/tableware/mug")
    bring(source)
    assert there("data/external/tableware") == there(source)
