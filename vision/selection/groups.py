"""Find out which pictures belong together, as those of one person or of one moment do.

A model that has seen one of them knows the others, so that a test on these would flatter it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from PIL.ExifTags import IFD, Base
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vision.pictures import SUFFIXES
from vision.runtime.errors import UserError

_HASHED_SIZE = (32, 32)  # pixels
_FREQUENCIES = 8  # the lowest, of each axis
HASH_BITS = _FREQUENCIES**2
# In which the hashes of near-copies differ at most. Of 6,000 photographs of cats and dogs two pairs
# are as near, both copies; from 10 on, pictures of other animals are, too.
_DIFFER = 8
_BLOCK = 128  # rows compared with all others at a time, so that memory doesn't grow as the square

# The perceptual hashes of a picture and of its mirror image.
Hashes = tuple[int, int]


class Moment(NamedTuple):
    """When a picture was taken, and by what.

    Attributes
    ----------
    camera : make and model; empty where the file doesn't say.
    seconds : since some time that is the same for all.
    """

    camera: str
    seconds: float


def find(
    group_by: str,
    table: pd.DataFrame,
    place: Callable[[str], Path],
    hashes: Mapping[str, Hashes],
    digest: Callable[[str], str],
) -> dict[str, str]:
    """Tell the group of each picture that has one.

    Parameters
    ----------
    group_by : as params.yaml has it, but for none.
    table : as `given.read` gives it, of the pictures that can be used, in natural order.
    place : gives the path of a file.
    hashes, digest : of files, if near-copies are to be grouped.

    Raises
    ------
    UserError
        No picture has a group, while there should be some.
    """
    files = list(table.index)
    missing = ""
    if group_by == "copies":
        names = _named(files, _near_copies(files, hashes, digest))
    elif group_by == "column":
        names = dict(table["group"])
        missing = "the table of labels has no column `group`"
    elif group_by == "folder":
        names = dict(table["folder"])
        missing = "there are no sub-folders in the folders of the classes"
    elif "(" in group_by:
        found = {file: re.search(group_by, file.partition("/")[2]) for file in files}
        names = {file: match[1] for file, match in found.items() if match}
        missing = f"no picture's name has it, such as {files[0].partition('/')[2]}"
    else:
        moments = {file: moment for file in files if (moment := taken(read_exif(place(file))))}
        names = _named(files, _moments(moments, float(group_by.removesuffix("s"))))
        if not moments:
            missing = "no file says when it was taken (EXIF DateTimeOriginal)"
    groups = {file: name for file, name in names.items() if name}
    if not groups and missing:
        raise UserError(f"subset.group_by = {group_by} finds no group: {missing}; set another")
    return groups


def _named(files: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name the groups of linked files after their first one; files without links have none."""
    number = {file: row for row, file in enumerate(files)}
    links = np.array([(number[one], number[other]) for one, other in pairs], int).reshape(-1, 2)
    of_file = linked(len(files), *links.T)
    _, first, count = np.unique(of_file, return_index=True, return_counts=True)
    return {
        file: files[first[group]]
        for file, group in zip(files, of_file, strict=True)
        if count[group] > 1
    }


def linked(pictures: int, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Number the groups of pictures that pairs link: from 0, shape (pictures,)."""
    links = coo_array((np.ones(len(ones), bool), (ones, others)), shape=(pictures, pictures))
    return connected_components(links, directed=False)[1]


def of_one_name(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Pair each picture whose group has a name with the first of that name."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(name, row), row) for row, name in enumerate(names) if name]
    ones, others = np.array(pairs, int).reshape(-1, 2).T
    return ones, others


def _moments(moments: Mapping[str, Moment], seconds: float) -> Iterator[tuple[str, str]]:
    """Pair what a camera took with what it took before, if that is no longer ago.

    Pictures whose files name no camera count as of one.
    """
    in_time = sorted(moments, key=lambda file: (moments[file], file))
    for before, after in pairwise(in_time):
        one, other = moments[before], moments[after]
        if one.camera == other.camera and other.seconds - one.seconds <= seconds:
            yield before, after


def read_exif(path: Path) -> dict[int, Any]:
    """Read a file's EXIF data, IFD.Exif and IFD.GPSInfo among them; what is broken is empty."""
    found: dict[int, Any] = {IFD.Exif: {}, IFD.GPSInfo: {}}
    # Decoders raise what they like on broken data.
    with suppress(Exception), Image.open(path, formats=tuple(SUFFIXES)) as image:
        exif = image.getexif()
        found = {**exif, **found}
        for part in (IFD.Exif, IFD.GPSInfo):
            found[part] = exif.get_ifd(part)
    return found


def camera(exif: Mapping[int, Any]) -> str:
    """Return make and model; nothing where the EXIF data of a file don't say."""
    told = (str(exif.get(tag, "")).strip("\0 ") for tag in (Base.Make, Base.Model))
    return " ".join(told).strip()


def taken(exif: Mapping[int, Any]) -> Moment | None:
    """Return when a picture was taken; None where the EXIF data of its file don't say."""
    detail = exif[IFD.Exif]
    try:
        time = datetime.strptime(str(detail[Base.DateTimeOriginal])[:19], "%Y:%m:%d %H:%M:%S")
    except (KeyError, ValueError):
        return None
    seconds = (time - datetime(1970, 1, 1)).total_seconds()
    fraction = str(detail.get(Base.SubsecTimeOriginal, "")).strip("\0 ")
    if fraction.isdecimal():
        seconds += float(f"0.{fraction}")
    return Moment(camera(exif), seconds)


def perceptual_hash(picture: Image.Image) -> Hashes:
    """Compute the perceptual hashes, of 64 bits, of a picture and of its mirror image.

    A bit says whether one of the lowest frequencies of a discrete cosine transform is above their
    median (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).
    """
    small = picture.convert("L").resize(_HASHED_SIZE, Image.Resampling.LANCZOS)
    lowest = dctn(np.asarray(small, float))[:_FREQUENCIES, :_FREQUENCIES]
    mirrored = lowest * (-1.0) ** np.arange(_FREQUENCIES)  # every other cosine changes its sign
    return _hash(lowest), _hash(mirrored)


def _hash(frequencies: np.ndarray) -> int:
    return int.from_bytes(np.packbits(frequencies > np.median(frequencies)).tobytes())


def _near_copies(
    files: Sequence[str], hashes: Mapping[str, Hashes], digest: Callable[[str], str]
) -> Iterator[tuple[str, str]]:
    """Pair equal files, and pictures whose hashes, of them or of their mirror images, agree."""
    first: dict[str, str] = {}
    for file in files:
        yield first.setdefault(digest(file), file), file
    values = np.array([hashes[file] for file in files], np.uint64)
    for start in range(0, len(files), _BLOCK):
        rest = values[start:, :, None]
        differ = np.bitwise_count(rest ^ values[start : start + _BLOCK, 0]).min(axis=1)
        for other, one in np.argwhere(np.tril(differ <= _DIFFER, -1)):
            yield files[start + one], files[start + other]
