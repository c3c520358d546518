"""What one types after `python -m vision`."""

import os
import shlex
import subprocess
import sys

import pytest

from serving.command import build_parser
from tests.code import ROOT


def vision(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "vision", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        **options,
    )


@pytest.mark.parametrize("command", [[], ["predict"], ["bundle"]], ids=" ".join)
def test_help_has_examples_that_the_parser_takes(command, capsys):
    parser = build_parser()
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args([*command, "--help"])
    assert exit_.value.code == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    commands = [
        line.partition("python -m vision ")[2].partition("   ")[0]
        for line in examples.splitlines()
        if "python -m vision" in line and "COMMAND" not in line
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
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        build_parser().parse_args(arguments)
    assert exit_.value.code == 2
    assert "usage: python -m vision" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("vision pre", "predict"),
        ("vision predict --b", "--bundle"),
        ("vision predict --rev tests-no-such-", ""),
    ],
)
def test_the_shell_completes_it(typed, offered, tmp_path):
    """By argcomplete's protocol, which its scripts for bash and zsh speak."""
    completed = tmp_path / "completed"
    vision(
        env=os.environ
        | {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(completed),
            "COMP_LINE": typed,
            "COMP_POINT": str(len(typed)),
        },
        check=True,
    )
    assert completed.read_text().strip() == offered
