"""What dvc.lock tells of a run."""

from contextlib import suppress
from pathlib import Path

import pytest

from serving.run import parse, read_run
from tests.code import ROOT
from vision.params import load_params
from vision.runtime.errors import UserError

NOW = load_params(ROOT / "params.yaml")
LOCK = """
stages:
  a:
    params: {params.yaml: {seed: 1, finetune: {epochs: 2}}}
    outs:
    - {path: models/a, md5: 0cc175b9c0f1b6a831c399e269772661}
    - {path: data/a, md5: f00d.dir}
  b:
    deps: [{path: models/a, md5: 0cc175b9c0f1b6a831c399e269772661}, {path: code.py, md5: '12'}]
    params: {params.yaml: {extract.views: 3, lr: 1e-05}}
  c: {cmd: x}
"""


def test_parameters_of_all_stages_have_their_full_names():
    assert parse(LOCK).parameters == {
        "seed": 1,
        "finetune.epochs": 2,
        "extract.views": 3,
        "lr": 1e-5,
    }


def test_what_the_run_used_goes_before_what_is_there_now():
    params = parse(LOCK).params(NOW)
    assert (params.seed, params.lr, params.finetune.epochs) == (1, 1e-5, 2)
    assert params.finetune.batch_size == NOW.finetune.batch_size


def test_a_parameter_is_changed_where_any_stage_used_another_value():
    other = LOCK.replace("c: {cmd: x}", "c: {params: {params.yaml: {seed: 2}}}")
    now = NOW.model_copy(update={"seed": 2})
    assert "seed" in parse(other).changed(now)
    assert "seed" not in parse(other.replace("seed: 1", "seed: 2")).changed(now)


def test_a_stage_is_stale_where_what_it_read_was_made_anew():
    assert parse(LOCK).unfinished() == []
    run = parse(LOCK.replace("0cc175b9", "ffffffff", 1))
    assert run.unfinished() == ["b"]
    assert run.doubts(run.params(NOW), []) == ["what these stages read was made anew since: b"]


def test_a_file_that_the_run_did_not_write_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    run = parse(LOCK)
    model = Path("models/a")
    assert run.others([model]) == [model]
    model.write_text("a")
    assert run.others([model]) == []
    model.write_text("b")
    params = run.params(NOW)
    assert run.doubts(params, [model]) == [
        "models/a is not what dvc.lock says that the last run wrote"
    ]


@pytest.mark.parametrize("content", [None, "", "stages", "stages: {", "a: 1"])
def test_a_lock_that_is_none_is_told_in_one_line(content, tmp_path):
    if content is not None:
        (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(UserError, match=r"dvc\.lock (is missing|can't be read)"):
        read_run(tmp_path / "dvc.lock")


def test_a_lock_in_the_midst_of_a_merge_is_told(tmp_path):
    (tmp_path / "dvc.lock").write_text("<<<<<<< HEAD\n" + LOCK + "=======\n>>>>>>> other\n")
    with pytest.raises(UserError, match=r"dvc\.lock is in the midst of a merge.* line 1;"):
        read_run(tmp_path / "dvc.lock")


def test_a_lock_that_is_cut_anywhere_is_read_or_told(tmp_path):
    whole = (ROOT / "dvc.lock").read_bytes()
    for end in range(0, 4000, 41):
        (tmp_path / "dvc.lock").write_bytes(whole[:end])
        with suppress(UserError):
            read_run(tmp_path / "dvc.lock")
