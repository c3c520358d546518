"""Pictures that the user brings along."""

from pathlib import Path

from vision.runtime.errors import UserError
from vision.runtime.text import shown
from vision.sources.entries import Bounds
from vision.sources.file_names import ARCHIVES, listed
from vision.sources.links import check_links
from vision.sources.unpack import unpack

# What the repository itself keeps in the folder, and what `dvc add` writes there.
_OWN = ("README.md", ".gitignore", "*.dvc")


def write_pictures(source: Path, folder: Path, bounds: Bounds, check_names: bool = True) -> None:
    """Bring the archives and folders in `source` together as `folder`/CLASS/FILE.

    Parameters
    ----------
    check_names : refuse classes whose names are alike, and files named after another class.

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
    layout = unpack(source, folder, bounds, check_names)
    if layout.renamed:
        print(
            f"{len(layout.renamed):,} pictures have names that others of their class have, or too "
            "long ones, and were put under new ones, such as "
            f"{shown(next(iter(layout.renamed.values())))}"
        )
    if layout.doubled:
        print(
            f"{len(layout.doubled):,} pictures are in their archive more than once, such as "
            f"{shown(min(layout.doubled))}; the last of each was taken"
        )
    left_out = [name for name in layout.left_out if name not in own]
    if left_out:
        print(f"{len(left_out):,} files left out, since they are no pictures: {listed(left_out)}")
