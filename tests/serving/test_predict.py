"""Classifying what the command line names."""

import csv
import errno
import io
import json
import os
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import WebPImagePlugin

from serving import predict
from serving.classifier import Prediction, Unread
from vision.pictures import FORMAT_NAMES
from vision.runtime.errors import UserError


def printed(model, paths, form, capsys):
    predict.print_predictions(model, paths, form)
    return capsys.readouterr().out


@pytest.fixture
def three(picture):
    return [picture("a.png", "red"), picture("b.png", "lime"), picture("c.webp", (120, 120, 250))]


def test_a_table_for_people_with_the_file_last(colours, three, capsys):
    header, *lines = printed(colours, three, "table", capsys).splitlines()
    assert header.split() == ["class", "probability", "file"]
    assert [line.split() for line in lines] == [
        ["red", "1.000", three[0]],
        ["grün", "1.000", three[1]],
        ["藍", "0.510", "unsure", three[2]],
    ]


def test_csv_has_every_class(colours, three, capsys):
    rows = list(csv.DictReader(io.StringIO(printed(colours, three, "csv", capsys))))
    assert [(row["file"], row["class"], row["unsure"]) for row in rows] == [
        (three[0], "red", "false"),
        (three[1], "grün", "false"),
        (three[2], "藍", "true"),
    ]
    for row in rows:
        each = [float(row[f"probability_{label}"]) for label in colours.classes]
        # Seven digits of each.
        assert sum(each) == pytest.approx(1, abs=1e-6)
        assert float(row["probability"]) == max(each)


@pytest.mark.parametrize(
    "name", ["=2+5.jpg", "+49 30.jpg", "-1.jpg", "@home.jpg", "\tx.jpg", "'a.jpg"]
)
def test_in_csv_nothing_is_a_formula_to_a_spreadsheet(name):
    text = io.StringIO(newline="")
    found = Prediction(name, "=1+1", 1.0, False, np.array([1.0, 0.0]))
    predict.write_csv([found], ["=1+1", "b"], text)
    text.seek(0)
    (row,) = csv.DictReader(text)
    assert (row["file"], row["class"]) == (f"'{name}", "'=1+1")
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in [*row, *row.values()])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_one_array_with_an_object_a_line(colours, three, capsys, count):
    text = printed(colours, three[:count], "json", capsys)
    content = json.loads(text)
    assert [each["file"] for each in content] == three[:count]
    assert len(text.splitlines()) == count + 2
    for each in content:
        assert each["probabilities"][each["class"]] == each["probability"]
        assert list(each["probabilities"]) == colours.classes


def test_json_is_text_whatever_the_name_of_a_file(colours, picture, capsys):
    name = picture("caf\udce9 犬.png", "red")
    text = printed(colours, [name], "json", capsys)
    assert "犬" in text.encode().decode()
    assert [each["file"] for each in json.loads(text)] == [name]


def test_what_is_no_picture_is_named_and_the_rest_goes_on(colours, three, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "round.png").symlink_to("round.png")
    why = {
        f"{tmp_path}/notes.txt": f"not a {FORMAT_NAMES} picture, or broken at its beginning",
        f"{tmp_path}/gone.jpg": "No such file or directory",
        f"{tmp_path}/round.png": "Too many levels of symbolic links",
        "a\0b": "embedded null byte",
        f"{tmp_path}/empty.jpg": "empty file",
    }
    with pytest.raises(UserError, match="5 of what was named could not be classified"):
        predict.print_predictions(colours, [three[0], *why, three[1]], "csv")
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert said.err.splitlines() == [f"{file}: {reason}" for file, reason in why.items()]


def test_a_folder_is_all_that_is_below_it_but_what_is_hidden(picture, tmp_path):
    for name in ("b/2.png", "b/1.png", "a.png", ".hidden/1.png", "c/.hidden.png"):
        picture(name, "red")
    assert list(predict.find([str(tmp_path)])) == [
        str(tmp_path / name) for name in ("a.png", "b/1.png", "b/2.png")
    ]


def test_links_are_followed_but_not_in_circles(picture, tmp_path, monkeypatch):
    picture("a/1.png", "red")
    picture("elsewhere/2.png", "red")
    (tmp_path / "a/back").symlink_to(tmp_path / "a")
    (tmp_path / "a/further").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/round").symlink_to(tmp_path / "a")
    why = "a link to a folder that it lies in; not followed"
    monkeypatch.chdir(tmp_path / "elsewhere")
    for a in (f"{tmp_path}/a", "../a"):
        assert list(predict.find([a])) == [
            f"{a}/1.png",
            Unread(f"{a}/back", why),
            f"{a}/further/2.png",
            Unread(f"{a}/further/round", why),
        ]


def test_a_folder_that_may_not_be_read_is_named_once_and_the_rest_goes_on(
    picture, tmp_path, monkeypatch
):
    for name in ("1.png", "closed/2.png", "open/3.png"):
        picture(name, "red")
    # Root may read everything.
    scan = os.scandir

    def refuse(folder):
        if Path(folder).name == "closed":
            raise PermissionError(errno.EACCES, "", folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.chdir(tmp_path)
    closed = Unread("closed", "Permission denied")
    assert list(predict.find(["."])) == ["1.png", closed, "open/3.png"]
    assert list(predict.find(["closed"])) == [closed]


def test_patterns_reach_below_and_leave_folders_out(picture, tmp_path):
    for name in ("1.png", "a/2.png", "a/b.png/3.png"):
        picture(name, "red")
    (tmp_path / "empty").mkdir()
    itself = picture("cat[1].jpeg", "red")  # a file whose name looks like a pattern
    named = [f"{tmp_path}/**/*.png", f"{tmp_path}/*.jpg", f"{tmp_path}/empty", itself]
    assert list(predict.find(named)) == [
        *(str(tmp_path / name) for name in ("1.png", "a/2.png", "a/b.png/3.png")),
        Unread(named[1], "no file matches this pattern"),
        Unread(named[2], "no file is in this folder"),
        itself,
    ]


def test_a_list_comes_on_stdin(monkeypatch, picture, tmp_path):
    one, below = picture("one with spaces.png", "red"), picture("folder/2.png", "red")
    for encoding, ends in (
        *(
            (encoding, ("\n\n", "\n   \r\n"))
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le")
        ),
        ("utf-8", ("\0", "\0")),
    ):
        content = f"{one}{ends[0]}{tmp_path}/folder{ends[1]}".encode(encoding)
        stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)), "utf-8")
        monkeypatch.setattr("sys.stdin", stdin)
        assert list(predict.find(["-"])) == [one, below]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RuntimeError("no memory\nfor it"), "no memory for it"),
        (KeyError(3), "broken (KeyError: 3)"),
        (OSError(5, ""), os.strerror(5)),
    ],
)
def test_whatever_fails_on_one_file_the_others_go_on(colours, three, error, why, failing_decoder):
    failing_decoder(WebPImagePlugin.WebPImageFile, error)
    results = list(predict.classify(colours, [three[2], *three]))
    assert [type(result) for result in results] == [Unread, Prediction, Prediction, Unread]
    assert results[0].reason == why


def test_of_a_folder_of_60_000_files_only_the_names_are_held(tmp_path):
    count = 60_000  # more names a file can't have
    # Removed at once: pytest would keep it for some runs.
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        original = Path(folder, ".original")
        original.touch()
        for name in range(count):
            os.link(original, f"{folder}/{name}.jpg")
        tracemalloc.start()
        found = sum(1 for _ in predict.find([folder]))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert found == count
    # A name takes some 60 bytes, and up to 15 more in a list and while that is sorted.
    assert peak < 80 * count


def test_memory_does_not_grow_with_the_number_of_pictures(colours, picture, tmp_path):
    original = picture("original.png", "red")
    peaks = []
    for name, folders in (("warm-up", 1), ("few", 1), ("many", 21)):
        for number in range(folders * 100):
            copy = tmp_path / name / str(number // 100) / f"{number}.png"
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(original, copy)
        tracemalloc.start()
        results = predict.classify(colours, predict.find([str(tmp_path / name)]))
        with Path(os.devnull).open("w") as nowhere:
            predict.write_csv(results, colours.classes, nowhere)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 2,000 predictions would take 1 MB, and so would the pictures.
    assert peaks[2] - peaks[1] < 200_000
