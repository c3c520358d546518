"""Makes archives and folders, and lists what is in a folder."""

import io
import tarfile
import zipfile
from pathlib import Path

import pandas as pd

from vision import pictures
from vision.runtime.files import write_csv
from vision.selection.given import COLUMNS


def write_zip(path: Path, members: dict[str, bytes], **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    write_zip(buffer, members)
    return buffer.getvalue()


def write_tar(path: Path, members: dict[str, bytes | tarfile.TarInfo], mode: str = "w") -> Path:
    """Write a tar archive; a member that isn't bytes is added as it is, without content."""
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            if isinstance(data, bytes):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            else:
                data.name = name
                archive.addfile(data)
    return path


def write_files(folder: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_given(folder: Path, /, **given: dict[str, str]) -> None:
    """Write data/pictures.csv as the stage `download` does, of the pictures in data/raw.

    Parameters
    ----------
    given : by the column, such as split, what it has for some files; it is empty for others.
    """
    files = pictures.index(folder / "data/raw")["file"]
    rows = {name: [given.get(name, {}).get(file, "") for file in files] for name in COLUMNS[1:]}
    write_csv(pd.DataFrame({"file": files} | rows), folder / "data/pictures.csv")


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
