"""The state of unfinished work in a file, from where it goes on after an interruption."""

import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from vision import environment

Arrays = Mapping[str, list[np.ndarray]]


def fingerprint(
    settings: Iterable[object], inputs: Iterable[Path], code: Iterable[str] | None = None
) -> str:
    """Digest everything that a result depends on; equal only where all of it is.

    That is the settings (by what `repr` says of them), the names and contents of the files and
    folders, the code, and the environment.

    Parameters
    ----------
    code : the names of the modules that make the result, which are loaded; None: all of this
        package that are, and the program.
    """
    digest = hashlib.sha256(repr((*settings, environment.describe())).encode())
    # By their names: where a clone lies is no matter.
    files = [
        (name, Path(sys.modules[name].__file__))
        for name in sorted(_loaded() if code is None else code)
    ]
    for path in inputs:
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        files += [(str(file), file) for file in below if file.is_file()]
    for name, file in files:
        digest.update(f"\0{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            hashlib.file_digest(content, lambda: digest)  # goes on with it; a file may be large
    return digest.hexdigest()


def _loaded() -> list[str]:
    """Name this package's loaded modules, and the program."""
    return [
        name
        for name, module in list(sys.modules.items())
        if name == "__main__" or name.partition(".")[0] == __package__
        # A folder without __init__.py has none.
        if getattr(module, "__file__", None)
    ]


class Checkpoint:
    """The last saved state of one piece of work.

    Parameters
    ----------
    path : a .npz file.
    work : the `fingerprint` of the work; a state of any other is passed over.
    """

    def __init__(self, path: Path, work: str):
        self._path = path
        self._work = work

    def save(self, content: object, arrays: Arrays) -> None:
        """Replace the state, at once: a kill leaves the one before.

        Parameters
        ----------
        content : what JSON can hold.
        """
        header = json.dumps({"work": self._work, "content": content})
        numbered = {
            f"{name} {number}": array
            for name, group in arrays.items()
            for number, array in enumerate(group)
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".new")
        with unfinished.open("wb") as file:
            np.savez(file, header=header, **numbered)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._path)

    def load(self) -> tuple[object, Arrays] | None:
        """Give what `save` was given, or None where there is nothing whole of this work."""
        try:
            with np.load(self._path) as stored:
                header = json.loads(str(stored["header"]))
                if header["work"] != self._work:
                    return None
                arrays: dict[str, list[np.ndarray]] = {}
                for key in stored.files[1:]:
                    arrays.setdefault(key.rpartition(" ")[0], []).append(stored[key])
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
            return None
        return header["content"], arrays

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".new").unlink(missing_ok=True)
