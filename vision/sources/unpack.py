"""Copying the pictures of a tree to CLASS/FILE."""

import shutil
from pathlib import Path

from tqdm import tqdm

from vision.errors import UserError
from vision.sources.archives import reading
from vision.sources.layout import arrange
from vision.sources.tree import Bounds, entries


def unpack(source: Path, into: Path, bounds: Bounds) -> int:
    """Copy the pictures in `source`, a folder or an archive, to `into`/CLASS/FILE.

    The names are read first, so that most bad input is refused before anything is written.

    Returns
    -------
    The number of files left out because they aren't pictures.

    Raises
    ------
    UserError
        The files are damaged, unsafe or too many, or their classes cannot be told; the line
        starts with the path that the names in it are relative to.
    """
    try:
        listed = tqdm(entries(source, into, bounds), "reading names", unit=" files", disable=None)
        layout = arrange([entry.name for entry in listed])
        for label in {label for label, _ in layout.places.values()}:
            (into / label).mkdir()
        with tqdm(total=len(layout.places), desc="unpacking", unit=" files", disable=None) as bar:
            for entry in entries(source, into, bounds):
                if entry.name in layout.places:
                    label, file = layout.places[entry.name]
                    with (
                        reading(entry.name),
                        entry.open() as content,
                        (into / label / file).open("xb") as target,
                    ):
                        shutil.copyfileobj(content, target, 1 << 20)
                    bar.update()
    except UserError as error:
        folder = source if source.is_dir() else source.parent
        raise type(error)(f"in {folder}: {error}") from None
    return layout.ignored
