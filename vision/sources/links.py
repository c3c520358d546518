"""Refuse linked folders, which DVC does not walk."""

import os
from collections.abc import Iterator
from pathlib import Path

from vision.runtime.errors import UserError
from vision.runtime.text import some


def check_links(folder: Path) -> None:
    """Refuse links below a folder, itself excepted, that don't lead to a file.

    What lies behind them is not looked at; nor is a folder that is missing.

    Raises
    ------
    UserError
        Links lead to folders, so that changes behind them would go unseen, or nowhere.
    """
    links = sorted(_links(folder))
    told = []
    linked = [link for link in links if link.is_dir()]
    if linked:
        told.append(
            f"links to folders: {_with_targets(linked)}; DVC doesn't look into these, so that "
            "changes there would go unseen; put copies in their place, by `cp -rL`, or by "
            "`cp -rlL`, which takes no space on the same disk; or an archive"
        )
    dangling = [link for link in links if not link.exists()]
    if dangling:
        told.append(
            f"links that lead nowhere: {_with_targets(dangling)}; remove them, or make them lead "
            "to files"
        )
    if told:
        raise UserError("; ".join(told))


def _links(folder: Path) -> Iterator[Path]:
    """Return all links below a folder."""
    pending = [folder] if folder.is_dir() else []
    while pending:
        with os.scandir(pending.pop()) as found:
            for entry in found:
                if entry.is_symlink():
                    yield Path(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))


def _with_targets(links: list[Path]) -> str:
    return some([f"{link} -> {link.readlink()}" for link in links], most=20)
