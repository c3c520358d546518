"""Bottleneck features: what the frozen convolutional base makes of each picture.

They are computed once and stored, which is what makes training a head on them a matter of
seconds (F. Chollet, "Building powerful image classification models using very little data",
2016).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vision import pictures
from vision.features.store import Store
from vision.models import litert
from vision.models.engine import Engine
from vision.runtime.disk import replacing_file
from vision.runtime.fingerprint import fingerprint
from vision.runtime.prefetch import load_ahead

# Changes a batch of pictures that were read from the given files.
Change = Callable[[np.ndarray, Sequence[Path]], np.ndarray]

# Pictures that a thread takes at once.
_BATCH_SIZE = 32
# The code that makes a row, besides that of a change. The network is known by its content, whatever
# code built it.
_CODE = (__name__, pictures.__name__, litert.__name__)


@dataclass(frozen=True)
class NamedChange:
    """A change with a name.

    Attributes
    ----------
    name : tells what is done to the picture of a file; equal only where it is the same.
    code : the names of the modules that do it.
    """

    change: Change
    name: Callable[[Path], str]
    code: tuple[str, ...]


def write(
    network: Engine,
    paths: Sequence[Path],
    to: Path,
    store_gb: float = 0,
    named: NamedChange | None = None,
    dtype: type[np.floating] = np.float32,
) -> None:
    """Run an extractor, or a part of one, over pictures and write what it makes of them.

    The file is a plain .npy, a row a picture, in the order of the paths. Each row is written to its
    place as soon as it is there: memory does not grow with the number of pictures.

    Parameters
    ----------
    store_gb : the disk that the store of rows may take, from which those of pictures that were
        seen before are taken; 0: none.
    named : what to do to the pictures first.
    dtype : of the file, and of changed pictures' rows in the store; those of pictures as they are
        are kept as float32, since work of any precision takes the same. What is beyond its range
        becomes its largest number.
    """
    stored = _little_endian(dtype)
    header = {
        "descr": np.lib.format.dtype_to_descr(stored),
        "fortran_order": False,
        "shape": (len(paths), network.numbers),
    }
    kept = dtype if named else np.float32
    progress = f"{to.parent.name}/{to.stem}"
    with replacing_file(to) as new, new.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        begin = file.tell()
        for number, row in rows(network, paths, progress, store_gb, named, kept):
            content = _within(row, stored).tobytes()
            file.seek(begin + number * len(content))
            file.write(content)


def rows(
    network: Engine,
    paths: Sequence[Path],
    progress: str,
    store_gb: float = 0,
    named: NamedChange | None = None,
    dtype: type[np.floating] = np.float32,
) -> Iterator[tuple[int, np.ndarray]]:
    """Give what an extractor, or a part of one, makes of pictures, from the store where it has it.

    Parameters
    ----------
    progress : what the progress bar says.
    store_gb, named : see `write`.
    dtype : of the rows; what is beyond its range becomes its largest number.

    Yields
    ------
    The number of each picture among the paths and its row, shape (numbers,), little-endian, in
    whatever order: what the store has comes first, since what is computed may take its place there.
    """
    stored = _little_endian(dtype)
    work = fingerprint([network.digest, stored], [], (*_CODE, *(named.code if named else ())))
    with closing(Store(work, store_gb)) as store:
        keys = [store.key(path, named.name(path) if named else "") for path in paths]
        new = dict(enumerate(paths))
        for number, row in store.read(keys):
            del new[number]
            yield number, np.frombuffer(row, stored)
        if known := len(paths) - len(new):
            print(f"{progress}: {known:,} of {len(paths):,} pictures were run before", flush=True)
        if not new:
            return
        numbers = iter(new)
        for batch in run(network, list(new.values()), progress, named and named.change):
            given = list(zip(islice(numbers, len(batch)), _within(batch, stored), strict=True))
            store.add((keys[number], row.tobytes()) for number, row in given)
            yield from given


def _little_endian(dtype: type[np.floating]) -> np.dtype:
    return np.dtype(dtype).newbyteorder("<")


def _within(rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert numbers; what is beyond the range becomes the largest one."""
    largest = np.finfo(dtype).max
    return np.clip(rows, -largest, largest).astype(dtype)


def run(
    network: Engine, paths: Sequence[Path], progress: str, change: Change | None = None
) -> Iterator[np.ndarray]:
    """Run a network over pictures, in threads that each decode and compute.

    Parameters
    ----------
    progress : what the progress bar says.
    change : what to do to the pictures first, in those threads.

    Yields
    ------
    The network's rows for one batch of pictures after another, in order.
    """
    starts = range(0, len(paths), _BATCH_SIZE)

    def compute(start: int) -> np.ndarray:
        chosen = paths[start : start + _BATCH_SIZE]
        batch = pictures.load_batch(chosen, network.image_size)
        return network(change(batch, chosen) if change else batch)

    with tqdm(total=len(paths), desc=progress, unit="picture", disable=None) as bar:
        for rows in load_ahead(compute, starts):
            yield rows
            bar.update(len(rows))
