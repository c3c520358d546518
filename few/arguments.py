"""Arguments that several commands have."""

import argparse
import subprocess
from collections.abc import Callable

RAW = argparse.RawDescriptionHelpFormatter
REVISION = "a branch, a tag, a commit or an experiment"


def add_command(
    commands: argparse._SubParsersAction,
    name: str,
    run: Callable[[argparse.Namespace], None],
    purpose: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Add a command, which `run` does.

    Parameters
    ----------
    purpose : what it is for, in a few words.
    examples : lines to type.
    """
    command = commands.add_parser(
        name,
        help=purpose,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=RAW,
    )
    command.set_defaults(run=run)
    return command


def revisions(prefix: str, **_: object) -> list[str]:
    """Return the names of branches, tags and experiments, to complete."""
    listed = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/exps"],
        capture_output=True,
        text=True,
    )
    references = [line.split("/") for line in listed.stdout.splitlines()]
    names = {
        # refs/exps/ab/cdef.../NAME; those of queues and the like are shorter or deeper.
        parts[-1] if parts[1] == "exps" else "/".join(parts[2:])
        for parts in references
        if parts[1] != "exps" or len(parts) == 5
    }
    return sorted(names)
