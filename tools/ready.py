"""Prepares the start of a dvc: checks what it would tell less plainly, or not at all.

    python -m tools.ready

What a killed dvc left of its locks is cleared away. What is checked: a git repository; no
unfinished merge in the files that it reads; and no linked folders among the user's own pictures,
since it would take what changes behind them for unchanged.
"""

from pathlib import Path

from stages.guard import locks
from vision.params import load_params
from vision.runtime.errors import UserError
from vision.runtime.files import refuse_unfinished_merge
from vision.runtime.program import run
from vision.sources.links import check_links

NO_REPOSITORY = (
    "this folder is in no git repository, as after a download as a ZIP; make it one with "
    "`git init && git add . && git commit -m Begin`"
)
PARAMS = Path("params.yaml")
EXTERNAL = Path("data/external")
# What dvc reads at its start: its configuration, and the pipelines with all that they name.
_READ = (
    ".dvc/config",
    *(f"{folder}{file}" for folder in ("", "*/") for file in ("dvc.yaml", "dvc.lock")),
    *("params.yaml", "*/params.yaml"),
    *("*.dvc", "data/*.dvc", "data/external/*.dvc"),
)


def main() -> None:
    locks.clear()
    found = [*without_repository(), *(unfinished_merges() or unseen_links())]
    if found:
        raise UserError(*found)


def without_repository() -> list[str]:
    """Return what to do where this folder is in no git repository, though it should be."""
    here = Path.cwd()
    if any((folder / ".git").exists() for folder in (here, *here.parents)):
        return []
    from dvc.config import Config  # not sooner: it takes a quarter of a second

    does_without = Config(str(Path(".dvc").absolute())).get("core", {}).get("no_scm")
    return [] if does_without else [NO_REPOSITORY]


def unfinished_merges() -> list[str]:
    """Return, of each file that dvc reads, what to do about an unfinished merge in it."""
    found = []
    for pattern in _READ:
        for path in sorted(Path().glob(pattern)):
            try:
                if path.is_file():
                    refuse_unfinished_merge(path, path.read_text("utf-8", errors="replace"))
            except UserError as error:
                found.append(str(error))
    return found


def unseen_links() -> list[str]:
    """Return what to do about links in data/external, where that is used: dvc follows none."""
    try:
        if load_params(PARAMS).download.source == "external":
            check_links(EXTERNAL)
    except UserError as error:  # also of params.yaml, which every stage would refuse
        return list(error.args)
    return []


if __name__ == "__main__":
    run(main)
