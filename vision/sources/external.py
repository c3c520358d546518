"""Pictures that the user brings along."""

from pathlib import Path

from vision.errors import UserError
from vision.sources.unpack import unpack

# What the repository itself keeps in the folder.
OWN = frozenset({"README.md", ".gitignore"})


def write_pictures(source: Path, folder: Path) -> None:
    """Bring the archives and folders in `source` together as `folder`/CLASS/FILE.

    Raises
    ------
    UserError
        There is nothing, or something that `vision.sources.unpack.unpack` refuses.
    """
    found = {path.name for path in source.iterdir()} if source.is_dir() else set()
    if found <= OWN:
        raise UserError(
            f"{source} is empty; put an archive (.zip, .tar, .tar.gz or .tgz) or one folder per "
            "class into it"
        )
    ignored = unpack(source, folder) - len(found & OWN)
    print(f"left out {ignored:,} files that are not pictures")
