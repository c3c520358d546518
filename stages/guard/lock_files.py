"""Repair a dvc.lock of which a stopped dvc wrote a part.

DVC writes that file in place after each stage, which takes it a tenth of a second; stopped in the
midst of it, it leaves a part, which every later command refuses to read ("validation failed").
What the whole file told of the stages that have run since is in DVC's run cache as well, so that
the next `dvc repro` takes it from there.
"""

from pathlib import Path

import voluptuous
import zc.lockfile
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vision.runtime.disk import replacing_file
from vision.runtime.errors import UserError
from vision.runtime.files import refuse_unfinished_merge

REPOSITORY = Path(".dvc/tmp/lock")  # held by a dvc while it writes a dvc.lock


def read() -> dict[Path, str]:
    """Read the dvc.lock of this pipeline and of those in folders of its own, where it is whole."""
    return {path: lock for path, lock in _all() if is_whole(lock)}


def mend(earlier: dict[Path, str]) -> None:
    """Put the earlier content in the place of half a file; without one, remove it.

    Nothing is done while a dvc runs that may be writing, nor to a file in the midst of a merge,
    which is the user's.
    """
    try:
        held = zc.lockfile.LockFile(str(REPOSITORY))
    except zc.lockfile.LockError:
        return
    try:
        for path, lock in _all():
            if is_whole(lock) or _is_merged(path, lock):
                continue
            if path in earlier:
                with replacing_file(path) as new:
                    new.write_text(earlier[path], encoding="utf-8", newline="\n")
            else:
                path.unlink()
    finally:
        held.close()


def _all() -> list[tuple[Path, str]]:
    paths = [*Path().glob("dvc.lock"), *Path().glob("*/dvc.lock")]
    return [(path, path.read_text(encoding="utf-8", errors="replace")) for path in paths]


def _is_merged(path: Path, lock: str) -> bool:
    try:
        refuse_unfinished_merge(path, lock)
    except UserError:
        return True
    return False


def is_whole(lock: str) -> bool:
    """Check whether DVC accepts the content of a dvc.lock, and its last line is complete."""
    try:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(lock))
    except (YAMLError, voluptuous.Invalid):
        return False
    return lock.endswith("\n")
