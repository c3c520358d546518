"""Write small results as JSON and CSV that diff well; read JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vision.runtime.disk import replacing_file
from vision.runtime.errors import UserError

if TYPE_CHECKING:  # a table's own methods write it: who has none needs no pandas
    import pandas as pd

# As git begins a part of a file that two branches changed.
_CONFLICT = "<<<<<<< "


def write_json(content: dict | list, to: Path) -> None:
    """Write readable JSON, making the folder where it is missing."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    with replacing_file(to) as new:
        new.write_text(text + "\n", encoding="utf-8", newline="\n")


def write_csv(table: "pd.DataFrame", to: Path) -> None:
    """Write a table without its index, making the folder where it is missing.

    Numbers have seven digits, which is what float32 has.
    """
    with replacing_file(to) as new:
        table.to_csv(new, index=False, float_format="%.7g", lineterminator="\n", encoding="utf-8")


def read_json(path: Path) -> dict | list:
    """Read JSON.

    Raises
    ------
    UserError
        The file is missing, is damaged, or holds a merge that was not finished.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `dvc repro` writes it") from None
    refuse_unfinished_merge(path, content.decode(errors="replace"))
    try:
        return json.loads(content)
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({error}); `dvc repro` writes it anew") from None


def refuse_unfinished_merge(path: Path, content: str) -> None:
    """Raise a UserError where git's conflict markers are in the content of a file."""
    for number, line in enumerate(content.splitlines(), 1):
        if line.startswith(_CONFLICT):
            raise UserError(
                f"{path} is in the midst of a merge, with git's {_CONFLICT.strip()} in line "
                f"{number}; finish the merge, or take one side with `git checkout --ours {path}` "
                "or --theirs"
            )


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
