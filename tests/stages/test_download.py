import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from stages import download
from tests.code import ROOT
from tests.files import files_below, write_files, write_zip, zipped
from tools.experiment import set_params
from vision.runtime.errors import UserError
from vision.sources import dogs_vs_cats, fetch

PICTURES = {"cat/0.jpg": b"c", "dog/0.jpg": b"d"}


@pytest.fixture
def project(tmp_path):
    """A project folder with pictures of an earlier run in data/raw."""
    set_source(tmp_path, "external")
    readme = {"data/external/README.md": b"what to put here"}
    return write_files(tmp_path, readme | {"data/raw/cat/old.jpg": b"old"})


def set_source(project, source):
    shutil.copy(ROOT / "params.yaml", project)
    changes = {"download.source": source, "download.sample_pictures": 3}
    set_params(project / "params.yaml", changes)


def put(project, name, members):
    write_zip(project / "data/external" / name, members)


def start(project):
    env = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(project / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", "stages.download"],
        cwd=project,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def raw(project):
    return set(files_below(project / "data/raw"))


def test_external_pictures_replace_those_of_an_earlier_run(project):
    put(project, "pictures.zip", {**PICTURES, "licence.txt": b"free"})
    code, out, err = finish(start(project))
    assert (code, err) == (0, "")
    assert "1 files left out, since they are no pictures: .txt 1\n" in out
    assert "cat: 1 pictures" in out
    assert raw(project) == set(PICTURES)


def test_what_tables_and_folders_tell_beside_the_class_stands_beside_the_pictures(project):
    table = "file,label,split,patient\n1,no,train,=p\n2,null,val,\n3,a/b,test,01\n"
    files = {f"data/external/set/{number}.jpg": b"" for number in (1, 2, 3)}
    write_files(project, files | {"data/external/set/labels.csv": table.encode()})
    code, out, err = finish(start(project))
    assert (code, err) == (0, "")
    assert "labels from set/labels.csv (file: file, label: label, split: split, group: p" in out
    assert "split these pictures: train 1, validation 1, test 1; that stays so, unless" in out
    assert raw(project) == {"no/1.jpg", "null/2.jpg", "a%2Fb/3.jpg"}
    assert (project / "data/pictures.csv").read_text() == (
        "file,split,group,folder,weight\n"
        "a%2Fb/3.jpg,test,01,,\nno/1.jpg,train,=p,,\nnull/2.jpg,validation,,,\n"
    )
    assert (project / "data/README.md").read_text() == (
        "# The pictures\n\n"
        "3 pictures of 3 classes, from `download.source=external`. The stage `download` writes "
        "this.\n\n"
        "| class | pictures |\n| --- | ---: |\n| a/b | 1 |\n| no | 1 |\n| null | 1 |\n\n"
        + "".join(f"- {line[0].upper()}{line[1:]}.\n" for line in out.splitlines()[:-3])
    )
    set_params(project / "params.yaml", {"download.splits": "merge"})
    assert "are put together, since download.splits is merge" in finish(start(project))[1]
    assert "a%2Fb/3.jpg,,01,,\n" in (project / "data/pictures.csv").read_text()


def test_a_bad_table_is_refused_and_nothing_lost(project):
    write_files(project, {"data/external/1.jpg": b"", "data/external/a.csv": b"id,label\n2,cat\n"})
    code, _, err = finish(start(project))
    assert code == 1
    assert "nor do tables tell it: of 2 rows and pictures of a.csv, 1 with a file that isn't" in err
    assert err.count("\n") == 1
    assert raw(project) == {"cat/old.jpg"}


def test_of_pictures_that_nobody_labelled_it_is_said_how_to_predict_them(project):
    names = ("train/cat/1", "train/dog/1", "test/1", "test/2")
    write_files(project, {f"data/external/{name}.jpg": b"" for name in names})
    code, out, _ = finish(start(project))
    assert code == 0
    assert "2 pictures in test have no label and are left out" in out
    assert "`few predict data/external/test` tells their classes" in out
    assert raw(project) == {"cat/1.jpg", "dog/1.jpg"}


def test_sample_pictures_are_drawn(project):
    set_source(project, "sample")
    code, _, _ = finish(start(project))
    assert code == 0
    assert {path.split("/")[0] for path in raw(project)} == {"cat", "dog"}
    assert len(raw(project)) == 2 * 3
    header, *rows = (project / "data/pictures.csv").read_text().splitlines()
    assert header == "file,split,group,folder,weight"
    assert len(rows) == 2 * 3
    assert {row.partition(",")[2] for row in rows} == {",,,"}


BAD = {
    "nothing": (lambda project: None, "data/external is empty"),
    "damaged": (
        lambda p: write_files(p, {"data/external/a.zip": zipped(PICTURES)[:-10]}),
        "in data/external: a.zip is damaged",
    ),
    "one class": (lambda p: put(p, "a.zip", {"cat/0.jpg": b""}), "one class"),
    "unknown source": (lambda project: set_source(project, "flickr"), "download.source"),
}


@pytest.mark.parametrize(("spoil", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_leaves_data_raw_alone(project, spoil, said):
    spoil(project)
    code, _, err = finish(start(project))
    assert code == 1
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert raw(project) == {"cat/old.jpg"}
    assert {path.name for path in (project / "data").iterdir()} == {"external", "raw"}


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal to one process")
def test_an_interrupted_run_leaves_nothing_half_written(project):
    # Ten thousand files of their own take long enough to be caught at.
    put(project, "a.zip", {f"{c}/{i}.jpg": b"x" for c in ("cat", "dog") for i in range(10_000)})
    process = start(project)
    written = project / "data/.raw.partial/new/cat"
    while not written.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    code, _, _ = finish(process)
    assert code != 0
    assert raw(project) == {"cat/old.jpg"}
    assert {path.name for path in (project / "data").iterdir()} == {"external", "raw"}


def test_without_a_network_the_line_names_the_host_and_other_sources(project, monkeypatch):
    set_source(project, "microsoft")
    monkeypatch.chdir(project)
    monkeypatch.setattr(fetch, "PAUSE", 0.001)
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT", "https://download.invalid/a.zip")
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "cache"))
    with pytest.raises(UserError) as error:
        download.main()
    assert "download.invalid could not be reached" in str(error.value)
    assert "dvc exp run -S download.source=external" in str(error.value)
    assert "download.source=sample" in str(error.value)
    assert raw(project) == {"cat/old.jpg"}
