"""Pictures that the user brings along."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vision.runtime.errors import UserError
from vision.runtime.text import shown, some
from vision.sources.class_names import ALLOW
from vision.sources.entries import Bounds
from vision.sources.file_names import ARCHIVES, is_archive, listed
from vision.sources.given import Given
from vision.sources.layout import DEFAULT
from vision.sources.links import check_links
from vision.sources.rules import Rules
from vision.sources.unpack import unpack

# What the repository itself keeps in the folder, and what `dvc add` writes there.
_OWN = ("README.md", ".gitignore", "*.dvc")


class Found(NamedTuple):
    """What else than pictures of classes there was.

    Attributes
    ----------
    given : what is known of the pictures beside their classes, by CLASS/FILE.
    said : what was read, renamed and left out, in lines.
    """

    given: dict[str, Given]
    said: list[str]


def write_pictures(source: Path, folder: Path, bounds: Bounds, rules: Rules = DEFAULT) -> Found:
    """Bring the archives and folders in `source` together as `folder`/CLASS/FILE.

    Raises
    ------
    UserError
        There is no folder or nothing in it, a link to a folder or to nowhere, or something that
        `vision.sources.unpack.unpack` refuses.
    """
    put = f"put an archive ({', '.join(ARCHIVES)}) or one folder per class into it"
    if not source.is_dir():
        if not source.exists():
            what, instead = "doesn't exist", "make that folder"
        else:
            what, instead = "is a file", "put a folder in its place"
        if source.is_symlink():
            what = f"is a link to {source.readlink()}, which is no folder"
            instead = "make it lead to a folder, or put one in its place"
        raise UserError(f"{source} {what}; {instead}, and {put}")
    found = list(source.iterdir())
    own = {path.name for path in found if any(path.match(name) for name in _OWN)}
    if len(own) == len(found):
        raise UserError(f"{source} is empty; {put}")
    check_links(source)
    layout = unpack(source, folder, bounds, rules)
    said = [*layout.said, *to_predict(layout.unlabelled, source)]
    if layout.renamed:
        said.append(
            f"{len(layout.renamed):,} pictures have names that others of their class have, or too "
            "long ones, and were put under new ones, such as "
            f"{shown(next(iter(layout.renamed.values())))}"
        )
    if layout.doubled:
        said.append(
            f"{len(layout.doubled):,} pictures are in their archive more than once, such as "
            f"{shown(min(layout.doubled))}; the last of each was taken"
        )
    if left_out := [name for name in layout.left_out if name not in own]:
        said.append(
            f"{len(left_out):,} files left out, since they are no pictures: {listed(left_out)}"
        )
    given = {"/".join(layout.places[name]): given for name, given in layout.given.items()}
    return Found(given, said)


def to_predict(unlabelled: Sequence[str], source: Path) -> list[str]:
    """Tell, in a line, what to do with pictures for the test without labels; none: nothing.

    Parameters
    ----------
    source : the folder that their names are seen from.
    """
    if not unlabelled:
        return []
    folders = sorted({name.rpartition("/")[0] for name in unlabelled})
    paths = [str(source / folder) for folder in folders]
    what = f"`{shlex.join(['few', 'predict', *paths[:3]])}`"
    if any(is_archive(part) for folder in folders for part in folder.split("/")):
        what = "unpack them, and `few predict FOLDER`"
    return [
        f"{len(unlabelled):,} pictures in {some([shown(folder) for folder in folders])} have no "
        f"label and are left out; once there is a model, {what} tells their classes (if a class "
        f"is called so, {ALLOW})"
    ]
