"""Notes of where results were computed."""

import json
import os
import platform

import numpy as np
import pytest

from vision.runtime import environment


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics" / "environment.json"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_tells_versions_processor_threads_and_flags(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    told = environment.describe()
    assert told["python"] == platform.python_version()
    assert told["libraries"]["numpy"] == np.__version__
    assert told["threads"] == len(os.sched_getaffinity(0))
    assert told["flags"]["TF_ENABLE_ONEDNN_OPTS"] == "1"  # as vision sets it
    assert told["flags"]["TF_NUM_INTRAOP_THREADS"] == "3"
    assert told["processor"]["name"]


def test_tells_nothing_of_the_user_or_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "a-user-of-this")
    told = json.dumps(environment.describe())
    assert "a-user-of-this" not in told
    assert str(tmp_path) not in told


def test_stages_that_ran_alike_share_an_entry(path):
    for stage in ("subset", "extract", "subset"):
        environment.note(stage, path)
    assert read(path) == [{"stages": ["extract", "subset"]} | environment.describe()]
    assert [file.name for file in path.parent.iterdir()] == ["environment.json"]


def test_a_stage_stands_where_it_last_ran(path, monkeypatch):
    environment.note("subset", path)
    environment.note("extract", path)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    environment.note("extract", path)
    assert [
        (entry["stages"], entry["flags"].get("ONEDNN_MAX_CPU_ISA")) for entry in read(path)
    ] == [
        (["subset"], None),
        (["extract"], "AVX2"),
    ]
    environment.note("subset", path)
    assert [entry["stages"] for entry in read(path)] == [["extract", "subset"]]


def test_a_damaged_file_is_begun_anew_and_that_is_told(path, capsys):
    path.parent.mkdir()
    for content in (
        *("", '[{"stages": ["subset"]', '{"stages": ["subset"]}', '[{"stages": 1}]', "[{}]", "1"),
        '[\n<<<<<<< HEAD\n  {}\n=======\n  {"stages": []}\n>>>>>>> other\n]\n',
    ):
        path.write_text(content)
        environment.note("extract", path)
        assert read(path) == [{"stages": ["extract"]} | environment.describe()]
        said = capsys.readouterr().err
        assert said.startswith(f"{path} was damaged, or in the midst of a merge; it is begun anew")
        assert said.count("\n") == 1
    environment.note("subset", path)
    assert capsys.readouterr().err == ""
