"""Times the extraction of features against the plain way, on the same network and JPEG files.

    python -m benchmarks extraction
    python -m benchmarks.extraction ARCHIVE

After a run, on its test pictures; or on those of an archive, with fewer networks. The
plain way is the listing of "Deep Learning with Python": pictures by `image_dataset_from_directory`,
`predict` batch by batch, `np.concatenate`, with TensorFlow's own defaults; on an archive also with
oneDNN's kernels off, as they are by default on processors without VNNI. The other ways but the
last two run the network on pictures that are decoded already: Keras with oneDNN's kernels, and the
engine of this project, LiteRT. What the processor has to give at most is told by a product of
large matrices, as if the network were nothing else. The last is all that the stage does, with an
empty store: it hashes the pictures, decodes and runs them, keeps their rows in the store and writes
them.
"""

import argparse
import math
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.document import keep, markdown
from benchmarks.project import SUBSET, WEIGHTS, lay_out, unpacked
from benchmarks.side_by_side import PLAIN, PLAIN_OFF, measure, run, timed

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

PICTURES = SUBSET / "test"
KERAS, LITERT, OURS = "Keras, oneDNN", "LiteRT", "this project"
ARITHMETIC = "matrix product"


class Case(NamedTuple):
    """A network, and pictures enough for some seconds.

    Where the weights come from makes no difference to the time; random ones need no network.
    """

    network: str
    weights: str
    size: int
    count: int


CASES = {
    f"{case.network}, {case.size} px": case
    for case in (
        Case("efficientnet_lite0", "imagenet", 224, 640),
        Case("efficientnet_lite1+efficientnet_lite2", "imagenet", 224, 320),
        Case("efficientnet_lite1+efficientnet_lite2", "imagenet", 300, 192),
        Case("mobilenet_v2", "random", 160, 640),
        Case("resnet50", "random", 224, 192),
        Case("vgg16", "random", 150, 192),
    )
}
# What photographs are measured with.
FEWER = list(CASES)[:2]
BATCH_SIZE = 32
STORE_GB = 4
MATRIX = 4096  # rows and columns


def report(
    cases: Iterable[str] = tuple(CASES),
    pictures: Path = PICTURES,
    plain: Sequence[str] = (PLAIN,),
) -> Iterator[str]:
    """Measure cases in all ways, and yield a table, anew after each."""
    ways = [*plain, KERAS, LITERT, ARITHMETIC, OURS]
    ratios = [f"ours / {way}" for way in plain]
    ratios += [f"LiteRT / {ARITHMETIC}", f"ours / {LITERT}"]
    header = ["network", *ways, *ratios, "differs from Keras by"]
    rows = []
    for case in cases:
        found = measure("benchmarks.extraction", ways, case, str(pictures))
        speed = {way: figures["pictures_per_second"] for way, figures in found.items()}
        rows.append(
            [case]
            + [f"{speed[way]:.0f}" for way in ways]
            + [f"{speed[OURS] / speed[way]:.1f}" for way in plain]
            + [f"{speed[LITERT] / speed[ARITHMETIC]:.0%}", f"{speed[OURS] / speed[LITERT]:.0%}"]
            + [f"{found[OURS]['greatest_difference']:.0e} σ"]
        )
        yield markdown(rows, header)


def report_of_archive(archive: Path) -> Iterator[str]:
    """Measure some of the cases on the first pictures of an archive."""
    most = max(CASES[case].count for case in FEWER)
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "chosen"
        lay_out(unpacked(archive, Path(folder)), chosen, most)
        yield from report(FEWER, chosen, (PLAIN, PLAIN_OFF))


def time_way(way: str, case: str, folder: str) -> dict[str, float]:
    """Time one way in this process, which has imported nothing large yet."""
    import numpy as np

    from vision import pictures
    from vision.features import extraction
    from vision.models.engine import Engine
    from vision.networks.extractor import build_extractor
    from vision.params import BackboneSettings
    from vision.runtime.prefetch import load_ahead

    network, weights, size, count = CASES[case]
    extractor = build_extractor(
        BackboneSettings(
            name=network, weights=weights, preprocessing="published", pooling="avg", image_size=size
        ),
        WEIGHTS,
    )
    if way == ARITHMETIC:
        return {"pictures_per_second": products_per_second() / multiplications(extractor)}
    paths = [Path(folder) / file for file in pictures.index(Path(folder))["file"]][:count]
    if way in (PLAIN, PLAIN_OFF):
        return {"pictures_per_second": plain(extractor, Path(folder), size, count)}
    decoded = pictures.load_batch(paths, size)
    expected = extractor.predict_on_batch(decoded[:BATCH_SIZE])
    parts = np.array_split(decoded, len(decoded) // BATCH_SIZE)
    figures = {}
    if way == KERAS:
        seconds = timed(lambda: [extractor.predict_on_batch(part) for part in parts])
    elif way == LITERT:
        engine = Engine(extractor)
        seconds = timed(lambda: list(load_ahead(engine, parts)))
    else:
        with tempfile.TemporaryDirectory() as empty:
            os.environ["XDG_CACHE_HOME"] = empty  # where the store lies
            to = Path(empty) / "features.npy"
            seconds = timed(extraction.write, Engine(extractor), paths, to, STORE_GB)
            difference = np.abs(np.load(to)[:BATCH_SIZE] - expected).max()
        # In standard deviations: random weights give features of any size.
        figures["greatest_difference"] = float(difference / expected.std())
    return figures | {"pictures_per_second": len(paths) / seconds}


def plain(extractor: "keras.Model", folder: Path, size: int, count: int) -> float:
    """Extract as the book does; return pictures a second, until the last batch is through.

    The end of a pass over a dataset is not counted: TensorFlow stands idle there, in some processes
    and not in others, until the tuner of tf.data has its next turn, which it has after 10 ms and
    then after twice as long each time.
    """
    from benchmarks.plain import dataset, extract

    batches = dataset(folder, size, BATCH_SIZE, shuffle=False).take(count // BATCH_SIZE)
    extractor.predict(next(iter(batches))[0], verbose=0)  # compiles
    ends = []

    def noted() -> Iterator[tuple["tf.Tensor", "tf.Tensor"]]:
        for batch in batches:
            yield batch
            ends.append(time.perf_counter())

    start = time.perf_counter()
    rows, _ = extract(extractor, noted())
    return len(rows) / (ends[-1] - start)


def multiplications(network: "keras.Model") -> int:
    """Count those that the convolutions and dense layers take for a picture, each with an addition.

    Not those of the activations and of the normalisation, which are few.
    """
    total = 0
    for layer in network.layers:
        if hasattr(layer, "layers"):
            total += multiplications(layer)
        elif hasattr(layer, "kernel"):
            _, *positions, _ = layer.output.shape
            total += math.prod(layer.kernel.shape) * math.prod(positions)
    return total


def products_per_second() -> float:
    """Time the product of two large matrices, by NumPy; return its multiplications a second."""
    import numpy as np

    one, other = np.random.default_rng(0).random((2, MATRIX, MATRIX), np.float32)
    seconds = [timed(np.matmul, one, other) for _ in range(5)]
    return MATRIX**3 / median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="of pictures")
    keep("extraction_originals", report_of_archive(parser.parse_args().archive))


if __name__ == "__main__":
    run(time_way, main)
