"""The state of unfinished work in a file, from where it goes on after an interruption."""

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vision.runtime.disk import replacing_file

Arrays = Mapping[str, list[np.ndarray]]


class Checkpoint:
    """The last saved state of one piece of work.

    Parameters
    ----------
    path : a .npz file.
    work : the `fingerprint.fingerprint` of the work; a state of any other is passed over.
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
        with replacing_file(self._path) as new, new.open("wb") as file:
            np.savez(file, header=header, **numbered)
            file.flush()
            os.fsync(file.fileno())

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


class Checkpoints:
    """Those of the parts of one piece of work.

    Parameters
    ----------
    folder : where their files lie.
    name : of the work, with which the names of all files begin.
    work : see `Checkpoint`.
    """

    def __init__(self, folder: Path, name: str, work: str):
        self._folder = folder
        self._name = name
        self._work = work

    def part(self, name: str) -> Checkpoint:
        """Return that of a part."""
        file = f".{self._name}-{name}.npz".replace("/", "-")
        return Checkpoint(self._folder / file, self._work)

    def remove(self) -> None:
        """Remove all, those of parts that the work had under other settings as well."""
        for file in self._folder.glob(f".{self._name}-*.npz"):
            file.unlink()
