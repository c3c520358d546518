"""A digest of everything that a result depends on: settings, files, code and environment."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from vision.runtime import environment

_PACKAGE = "vision"


def fingerprint(
    settings: Iterable[object], inputs: Iterable[Path], code: Iterable[str] | None = None
) -> str:
    """Digest everything that a result depends on; equal only where all of it is.

    That is the settings (by what `repr` says of them), the names and contents of the files and
    folders, the code, and the environment.

    Parameters
    ----------
    code : the names of the modules that make the result, which are loaded; None: all of this
        package and of the program's own that are, and the program.
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
    """Name the loaded modules of this package and of the program's own, and the program."""
    program = sys.modules["__main__"].__spec__  # none of one that `python -m` didn't start
    packages = {_PACKAGE, *([program.parent.partition(".")[0]] if program else [])}
    return [
        name
        for name, module in list(sys.modules.items())
        if name == "__main__" or name.partition(".")[0] in packages
        # A folder without __init__.py has none.
        if getattr(module, "__file__", None)
    ]
