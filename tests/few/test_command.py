"""What one types after `few`."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from few import command, model, runs
from few.command import build_parser
from tests.code import ROOT
from tools import preset
from vision.runtime.program import run

COMMANDS = [
    *(
        "train",
        "sort",
        "predict",
        "explain",
        "bundle",
        "serve",
        "report",
        "compare",
        "seeds",
        "measure",
    ),
    *("recipe", "experiments"),
]


def test_the_help_fits_a_screen_and_has_all_commands(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    for name in COMMANDS:
        assert any(line.split()[:1] == [name] for line in lines)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_help_has_examples_that_the_parser_takes(command, capsys):
    parser = build_parser()
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args([*command, "--help"])
    assert exit_.value.code == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    commands = [
        line.partition("few ")[2].partition("   ")[0]
        for line in examples.splitlines()
        if "few " in line and "COMMAND" not in line
    ]
    assert commands
    for line in commands:
        parser.parse_args(shlex.split(line.partition(">")[0].partition("|")[0]))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["predict"],
        ["train", "pictures", "--preset", "better"],
        ["seeds", "1"],
        ["seeds", "x"],
        ["seeds", "-3"],
        ["measure", "stub", "--seeds", "0"],
        ["compare", "A", "B", "C"],
        ["predict", "--json", "--csv", "a.jpg"],
        ["predict", "--rev", "main", "--bundle", "bundle.zip", "a.jpg"],
        ["serve", "--rev", "main", "--bundle", "bundle.zip"],
        ["serve", "--port", "door"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        build_parser().parse_args(arguments)
    assert exit_.value.code == 2
    assert "usage: few" in capsys.readouterr().err


def test_the_presets_are_those_there_are():
    assert sorted(runs.PRESETS) == preset.names()


@pytest.mark.parametrize("typed", ["train", "bundle", "predict a.jpg", "compare"])
def test_outside_of_the_project_it_says_where_to_go(typed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["few", *typed.split()])
    with pytest.raises(SystemExit) as end:
        run(command.main)
    assert end.value.code == 1
    assert capsys.readouterr().err == (
        "error: there is no dvc.yaml here; `cd` to the project's folder first\n"
    )


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """Be a user whom the system doesn't know, in a folder of one's own."""

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")  # so that it is as before in the end, whoever sets it
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_who_has_no_name_and_no_home_gets_both(nobody):
    command.give_name_and_home()
    assert os.environ["USER"] == str(os.getuid())
    assert os.environ["HOME"] == str(Path(".venv/home").absolute())
    assert Path(os.environ["HOME"]).is_dir()


def test_a_home_that_is_not_there_is_none(nobody, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nobody")
    command.give_name_and_home()
    assert os.environ["HOME"] == str(Path(".venv/home").absolute())


def test_a_user_s_own_name_and_home_stay(nobody, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "me")
    command.give_name_and_home()
    assert (os.environ["HOME"], os.environ["USER"]) == (str(tmp_path), "me")
    assert not Path(".venv").exists()


def test_the_page_goes_on_where_gradio_is(tmp_path, monkeypatch):
    """In its own environment, which make makes."""
    started = []
    monkeypatch.setattr(model.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(model.subprocess, "run", lambda command, check: started.append(command))
    monkeypatch.setattr(model.os, "execv", lambda program, command: sys.exit(" ".join(command)))
    monkeypatch.setattr("sys.argv", ["few", "serve", "--bundle", "bundle.zip"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == ".venv-serve/bin/python -m few serve --bundle bundle.zip"
    assert started == [["make", "--no-print-directory", ".venv-serve/.installed"]]


@pytest.fixture
def repository(tmp_path):
    """A git repository with branches, a tag, an experiment, and what DVC keeps beside those."""

    def git(*arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    git("init", "--quiet", "--initial-branch", "main")
    git("commit", "--quiet", "--allow-empty", "-m", "Begin")
    git("branch", "feature/more-data")
    git("tag", "v1.0")
    git("update-ref", "refs/exps/0a/1b2c3d4e5f/puffy-daks", "HEAD")
    git("update-ref", "refs/exps/stash", "HEAD")
    git("update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    return tmp_path / ".git"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pre", "predict"),
        ("predict --b", "--bundle"),
        ("predict --rev ma", "main"),
        ("serve --rev ma", "main"),
        ("report --rev ma", "main"),
        ("compare ma", "main"),
        ("compare main pu", "puffy-daks"),
        ("train --preset b", "best"),
        ("predict --rev feat", "feature/more-data"),
        ("predict --rev v", "v1.0"),
        ("predict --rev pu", "puffy-daks"),
        ("predict --rev st", ""),
        ("predict --rev EX", ""),
    ],
)
def test_the_shell_completes_commands_options_and_revisions(typed, offered, repository, tmp_path):
    """By argcomplete's protocol, which its scripts for bash and zsh speak."""
    line, completed = f"few {typed}", tmp_path / "completed"
    protocol = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(completed)}
    cursor = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "GIT_DIR": str(repository)}
    subprocess.run(
        [sys.executable, "-m", "few"], cwd=ROOT, env=os.environ | protocol | cursor, check=True
    )
    assert completed.read_text().strip() == offered
