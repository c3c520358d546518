"""Where a file may be written that somebody named."""

from pathlib import Path

from vision.errors import UserError


def make_room(file: Path) -> None:
    """Make the folder of a file that is to be written.

    Raises
    ------
    UserError
        There is a folder of that name, or a file where its folder should be.
    """
    if file.is_dir():
        raise UserError(f"{file} is a folder, where a file is to be written; name another")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(
            f"{file} can't be written, since {file.parent} is no folder; name another"
        ) from None
