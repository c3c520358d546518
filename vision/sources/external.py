"""Pictures that the user brings along."""

from pathlib import Path

from vision.errors import UserError
from vision.sources.tree import Bounds
from vision.sources.unpack import unpack

# What the repository itself keeps in the folder, and what `dvc add` writes there.
_OWN = ("README.md", ".gitignore", "*.dvc")


def write_pictures(source: Path, folder: Path, bounds: Bounds) -> None:
    """Bring the archives and folders in `source` together as `folder`/CLASS/FILE.

    Raises
    ------
    UserError
        There is nothing, or something that `vision.sources.unpack.unpack` refuses.
    """
    found = list(source.iterdir()) if source.is_dir() else []
    own = [path for path in found if any(path.match(name) for name in _OWN)]
    if len(own) == len(found):
        raise UserError(
            f"{source} is empty; put an archive (.zip, .tar, .tar.gz or .tgz) or one folder per "
            "class into it"
        )
    ignored = unpack(source, folder, bounds) - len(own)
    print(f"files left out, since they are no pictures: {ignored:,}")
