"""Reads what the run of a branch, a tag, a commit or an experiment wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vision.runtime.errors import UserError


@contextmanager
def dvc_may_start() -> Iterator[None]:
    """Import DVC within this: it raises a UserError where DVC finds no home for its settings.

    Import it where it is needed, since that takes longer than all else.
    """
    try:
        yield
    except RuntimeError as error:
        raise UserError(f"dvc cannot start ({error}); set HOME to a folder of yours") from None


def read_revision(revision: str, path: Path) -> bytes:
    """Read a file that a revision's run wrote; DVC takes it from its cache, or from a remote.

    Raises
    ------
    UserError
        There is no such revision, or it has no such file that can be had.
    """
    with dvc_may_start():
        from dvc.api import read
        from dvc.exceptions import DvcException, PathMissingError
    try:
        return read(str(path), rev=revision, mode="rb")
    except (FileNotFoundError, PathMissingError):
        raise UserError(
            f"{revision} has no {path} here; `dvc pull` it, or run `dvc repro` there"
        ) from None
    except DvcException as error:
        raise UserError(
            f"{revision} is no branch, tag, commit or experiment that can be read ({error}); "
            "`dvc exp show` lists experiments"
        ) from None
