"""The Dogs vs. Cats pictures, all 25,000, from Microsoft."""

from pathlib import Path

from vision.sources.entries import Bounds
from vision.sources.fetch import cache, fetch
from vision.sources.unpack import unpack

MICROSOFT = (
    "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/"
    "kagglecatsanddogs_5340.zip"
)
MICROSOFT_SHA256 = "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9"
MICROSOFT_BYTES = 824_887_076


def from_microsoft(folder: Path, bounds: Bounds) -> None:
    """Write Microsoft's archive of the pictures to `folder`/{cat,dog}/NUMBER.jpg.

    Raises
    ------
    FetchError
        The archive cannot be downloaded.
    UserError
        The disk is full, or doesn't let us write.
    """
    unpack(fetch(MICROSOFT, MICROSOFT_SHA256, MICROSOFT_BYTES, cache()), folder, bounds)
    for label in ("Cat", "Dog"):
        (folder / label).rename(folder / label.lower())
