"""What one types after `python -m serving`."""

import os
import shlex
import subprocess
import sys

import pytest

from serving.command import build_parser
from tests.code import ROOT


@pytest.mark.parametrize("command", [[], ["predict"], ["bundle"], ["serve"]], ids=" ".join)
def test_help_has_examples_that_the_parser_takes(command, capsys):
    parser = build_parser()
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args([*command, "--help"])
    assert exit_.value.code == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    commands = [
        line.partition("python -m serving ")[2].partition("   ")[0]
        for line in examples.splitlines()
        if "python -m serving" in line and "COMMAND" not in line
    ]
    assert len(commands) >= 2
    for line in commands:
        parser.parse_args(shlex.split(line.partition(">")[0].partition("|")[0]))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["predict"],
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
    assert "usage: python -m serving" in capsys.readouterr().err


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
        ("predict --rev feat", "feature/more-data"),
        ("predict --rev v", "v1.0"),
        ("predict --rev pu", "puffy-daks"),
        ("predict --rev st", ""),
        ("predict --rev EX", ""),
    ],
)
def test_the_shell_completes_commands_options_and_revisions(typed, offered, repository, tmp_path):
    """By argcomplete's protocol, which its scripts for bash and zsh speak."""
    line, completed = f"serving {typed}", tmp_path / "completed"
    protocol = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(completed)}
    cursor = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "GIT_DIR": str(repository)}
    subprocess.run(
        [sys.executable, "-m", "serving"], cwd=ROOT, env=os.environ | protocol | cursor, check=True
    )
    assert completed.read_text().strip() == offered
