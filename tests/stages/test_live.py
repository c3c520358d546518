"""What can be seen of a training while it runs."""

import json
import os
import socket
import subprocess
import sys

import pandas as pd
import pytest
from dvc.repo import Repo

from stages._live import live_history
from tests.code import ROOT
from tests.pipeline.conftest import NOBODY
from tests.web import Server, content


def history(epochs):
    rows = [(n, 0.5 / n, 0.7, 0.6 / n, 0.8) for n in range(1, epochs + 1)]
    names = "epoch train_loss train_accuracy validation_loss validation_accuracy"
    return pd.DataFrame(rows, columns=names.split())


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A folder without a repository, in which nobody runs DVC."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("DVC", "STUDIO", "GIT")):
            monkeypatch.delenv(name)
    for name, value in NOBODY.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def empty(outside, monkeypatch):
    """A repository without a commit, in which DVC runs a stage."""
    (outside / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    subprocess.run(["git", "init", "--quiet"], check=True)
    Repo.init().close()
    monkeypatch.setenv("DVC_STAGE", "finetune")
    monkeypatch.setenv("DVC_ROOT", str(outside))
    return outside


@pytest.fixture
def project(empty):
    (empty / "dvc.yaml").write_text("stages: {}\n")
    subprocess.run(["git", "add", "--all"], check=True)
    identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, "commit", "--quiet", "-m", "Begin"], check=True)
    return empty


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*address):
        raise AssertionError(f"connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_curve_so_far_is_in_its_table_after_each_epoch(project, no_network):
    table = project / "plots/finetune.csv"
    signal = project / ".dvc/tmp/exps/run/DVCLIVE_STEP_COMPLETED"
    with live_history(table) as tell:
        for epoch in (1, 2, 3):
            tell(history(epoch))
            assert list(pd.read_csv(table)["epoch"]) == list(range(1, epoch + 1))
            # What the extension for VS Code watches.
            assert json.loads(signal.read_text()) == {"pid": os.getpid(), "step": epoch}
    assert not signal.exists()


def test_each_measure_is_kept_in_the_form_of_dvclive(project, no_network):
    with live_history(project / "plots/finetune.csv") as tell:
        tell(history(2))  # as after an interruption: the first epoch was before it
        tell(history(3))
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.check_output(command, text=True) == "?? plots/finetune.csv\n"
    for name in ("train/loss", "train/accuracy", "validation/loss", "validation/accuracy"):
        rows = pd.read_csv(project / f"dvclive/finetune/plots/metrics/{name}.tsv", sep="\t")
        assert list(rows["step"]) == [1, 2, 3]
        expected = history(3)[name.replace("/", "_")]
        assert list(rows[name.partition("/")[2]]) == list(expected)


def test_a_training_that_takes_the_place_of_one_is_kept_from_its_first_epoch(project, no_network):
    with live_history(project / "plots/finetune.csv") as tell:
        tell(history(1))
        tell(history(2))  # and then it diverges
        tell(history(1))
        tell(history(2))
    rows = pd.read_csv(project / "dvclive/finetune/plots/metrics/train/loss.tsv", sep="\t")
    assert list(rows["step"]) == [1, 2, 1, 2]


@pytest.mark.parametrize("where", ["outside", "empty"])
def test_without_dvc_or_a_commit_the_table_is_all(request, where):
    folder = request.getfixturevalue(where)
    with live_history(folder / "plots/finetune.csv") as tell:
        tell(history(1))
    assert len(pd.read_csv(folder / "plots/finetune.csv")) == 1
    assert not (folder / "dvclive").exists()


@pytest.fixture
def studio(monkeypatch):
    server = Server()
    server.answers = [content(b"{}")]
    settings = {"TOKEN": "a-token", "REPO_URL": "git@host:a/b.git", "URL": server.url}
    for name, value in settings.items():
        monkeypatch.setenv(f"DVC_STUDIO_{name}", value)
    return server


def test_studio_is_told_where_there_is_a_token_for_it(project, studio):
    with live_history(project / "plots/finetune.csv") as tell:
        tell(history(1))
    studio.close()
    events = [json.loads(body) for body in studio.bodies]
    assert list(dict.fromkeys(event["type"] for event in events)) == ["start", "data", "done"]
    file = "dvclive/finetune/plots/metrics/validation/loss.tsv"
    plots = [event["plots"][file] for event in events if file in event.get("plots", {})]
    assert [row for plot in plots for row in plot["data"]] == [{"step": 1, "loss": 0.6}]


def test_a_studio_out_of_reach_costs_a_warning(project, studio, caplog):
    studio.close()
    with live_history(project / "plots/finetune.csv") as tell:
        tell(history(1))
    assert "Failed to post to Studio" in caplog.text
    assert len(pd.read_csv(project / "plots/finetune.csv")) == 1


def test_outside_of_dvc_nothing_of_it_is_imported():
    code = "import sys, stages._live; print({'dvc', 'dvclive'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "set()\n"
