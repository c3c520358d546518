"""What `few sort` does, turn by turn; pictures of one colour stand for look-alikes."""

import csv
import shutil
from itertools import chain

import numpy as np
import pytest
from PIL import Image

from few import pictures, sort
from tests.code import ROOT
from vision.params import load_params
from vision.runtime.disk import replacing_file
from vision.runtime.errors import UserError

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
NAMES = list(COLOURS)


@pytest.fixture(autouse=True)
def colours_for_features(monkeypatch):
    """The mean colour of a picture stands for what a network makes of it."""

    def features(paths):
        return np.array([np.asarray(pictures_of(path)).mean(axis=(0, 1)) for path in paths])

    def pictures_of(path):
        return Image.open(path).convert("RGB")

    monkeypatch.setattr(sort, "features", features)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twelve pictures of each colour in one folder, whose names say nothing; beside a project."""
    (tmp_path / "project/data/external").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    rng = np.random.default_rng(0)
    folder = tmp_path / "unsorted"
    folder.mkdir()
    for number in range(36):
        colour = np.array(COLOURS[NAMES[number % 3]]) + rng.integers(-20, 20, 3)
        Image.new("RGB", (8, 8), tuple(map(int, colour))).save(folder / f"IMG_{number}.png")
    return folder


def colour_of(file):
    return NAMES[int(file.removeprefix("IMG_").removesuffix(".png")) % 3]


def groups(to):
    """Return the members of each group."""
    found = {}
    for row in csv.DictReader((to / "pictures.csv").open()):
        found.setdefault(row["group"], []).append(row["file"])
    return found


def name(to, choose):
    """Write what a function of a group's number and members says beside each group."""
    rows = [f"{group},{len(files)},{choose(group, files)}" for group, files in groups(to).items()]
    (to / "groups.csv").write_text("\n".join(["group,pictures,class", *rows]) + "\n")


def majority(_, files):
    return max(NAMES, key=[colour_of(file) for file in files].count)


def test_look_alikes_come_into_one_group_each_with_its_sheet(folder, tmp_path, capsys):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    found = groups(to)
    assert len(found) == 9
    assert sorted(chain(*found.values())) == sorted(path.name for path in folder.iterdir())
    for group, files in found.items():
        assert len({colour_of(file) for file in files}) == 1
        assert Image.open(to / f"{group}.png").width > 100
    assert "write a class beside each of 9 groups" in capsys.readouterr().out


def test_named_groups_become_a_table_that_is_read_as_labels(folder, tmp_path):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    name(to, majority)
    sort.sort(folder, NAMES, to)
    rows = list(csv.DictReader((folder / "labels.csv").open()))
    assert len(rows) == 36
    assert all(row["label"] == colour_of(row["file"]) for row in rows)
    found = pictures.look(folder, load_params(ROOT / "params.yaml").download)
    assert found.classes == dict.fromkeys(sorted(NAMES), 12)


def test_a_mixed_group_is_split_and_the_names_of_the_others_stay(folder, tmp_path, monkeypatch):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    name(to, lambda group, files: "?" if group == "1" else majority(group, files))
    before = groups(to)
    sort.sort(folder, NAMES, to)
    after = groups(to)
    assert "1" not in after
    assert not (to / "1.png").exists()
    new = sorted(set(after) - set(before))
    assert sorted(chain(*(after[group] for group in new))) == sorted(before["1"])
    named = {row["group"]: row["class"] for row in csv.DictReader((to / "groups.csv").open())}
    assert all(named[group] == majority(group, before[group]) for group in set(before) - {"1"})
    assert {named[group] for group in new} == {""}


def test_what_is_left_out_is_not_trained_on(folder, tmp_path):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    name(
        to, lambda group, files: "-" if majority(group, files) == "blue" else majority(group, files)
    )
    sort.sort(folder, NAMES, to)
    found = pictures.look(folder, load_params(ROOT / "params.yaml").download)
    assert found.classes == {"green": 12, "red": 12}


def test_files_that_cannot_be_read_are_a_group_to_leave_out(folder, tmp_path, capsys):
    (folder / "IMG_99.png").write_bytes(b"no picture")
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    assert "1 files can't be read" in capsys.readouterr().out
    assert ["IMG_99.png"] in groups(to).values()


def test_the_same_pictures_give_the_same_bytes(folder, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for to in (one, other):
        sort.sort(folder, NAMES, to)
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()


def test_a_table_may_come_from_a_spreadsheet(folder, tmp_path):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    name(to, majority)
    table = to / "groups.csv"
    table.write_bytes(table.read_text().replace(",", ";").replace("\n", "\r\n").encode("utf-16"))
    sort.sort(folder, NAMES, to)
    assert (folder / "labels.csv").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace(",\n", ",purple\n", 1), "is called 'purple'"),
        (lambda text: text + "77,3,red\n", "there is no group '77'"),
        (lambda text: text[: text.index("\n1,") + 1], "the row of group 1 is missing"),
    ],
    ids=["no such class", "no such group", "rows missing"],
)
def test_a_table_of_no_use_is_refused(folder, tmp_path, spoil, message):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    table = to / "groups.csv"
    table.write_text(spoil(table.read_text()))
    with pytest.raises(UserError, match=message):
        sort.sort(folder, NAMES, to)
    assert not (folder / "labels.csv").exists()


def test_pictures_that_changed_since_are_told(folder, tmp_path):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    (folder / "IMG_0.png").unlink()
    with pytest.raises(UserError, match="groups of other pictures"):
        sort.sort(folder, NAMES, to)


@pytest.mark.parametrize("content", ["name,kind\n", "file,label,split\nIMG_0.png,red,\n"])
def test_a_table_of_the_user_is_not_overwritten(folder, tmp_path, content):
    (folder / "labels.csv").write_text(content)
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    name(to, majority)
    with pytest.raises(UserError, match="is there already"):
        sort.sort(folder, NAMES, to)
    assert (folder / "labels.csv").read_text() == content


def test_what_it_wrote_itself_is_written_anew_unless_it_was_changed(folder, tmp_path):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    name(to, majority)
    sort.sort(folder, NAMES, to)
    table = folder / "labels.csv"
    own = table.read_text()
    name(to, lambda group, members: "-")
    sort.sort(folder, NAMES, to)
    assert table.read_text() != own
    table.write_text(own)
    with pytest.raises(UserError, match="is there already"):
        sort.sort(folder, NAMES, to)


@pytest.mark.parametrize("again", [False, True])
def test_a_turn_that_was_interrupted_while_it_wrote_is_taken_up(
    folder, tmp_path, monkeypatch, again
):
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    name(to, majority)
    if again:
        sort.sort(folder, NAMES, to)
        name(to, lambda group, members: "-")
    written = []

    def interrupted(path):
        written.append(path.name)
        if written.count("labels.csv") == 2:
            raise KeyboardInterrupt
        return replacing_file(path)

    monkeypatch.setattr(sort, "replacing_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sort.sort(folder, NAMES, to)
    sort.sort(folder, NAMES, to)
    assert (folder / "labels.csv").read_bytes() == (to / "labels.csv").read_bytes()


def test_a_folder_of_no_use_is_refused(folder, tmp_path):
    to = tmp_path / "sorted"
    with pytest.raises(UserError, match="is no folder"):
        sort.sort(tmp_path / "nowhere", NAMES, to)
    with pytest.raises(UserError, match="name two classes"):
        sort.sort(folder, ["red"], to)
    with pytest.raises(UserError, match="among the pictures"):
        sort.sort(folder, NAMES, folder / "sorted")
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(UserError, match="0 pictures, too few"):
        sort.sort(folder, NAMES, to)


def test_where_nothing_can_be_read_that_is_told(folder, tmp_path):
    for picture in folder.iterdir():
        picture.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match=r"none of 36 pictures can be read, such as IMG_0\.png"):
        sort.sort(folder, NAMES, tmp_path / "sorted")


def test_of_pictures_in_folders_it_is_told_how_the_table_is_to_count(folder, tmp_path, capsys):
    (folder / "my phone").mkdir()
    for number in range(18):
        (folder / f"IMG_{number}.png").rename(folder / f"my phone/IMG_{number}.png")
    to = tmp_path / "sorted"
    sort.sort(folder, NAMES, to)
    name(to, lambda _, files: colour_of(files[0].rpartition("/")[2]))
    sort.sort(folder, NAMES, to)
    said = capsys.readouterr().out
    assert "set download.columns.label to label in params.yaml" in said
    params = load_params(ROOT / "params.yaml").download
    columns = params.columns.model_copy(update={"label": "label"})
    found = pictures.look(folder, params.model_copy(update={"columns": columns}))
    assert [*found.classes] == sorted(NAMES)
