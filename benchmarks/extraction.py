"""Times the extraction of features against the plain way, on the same network and JPEG files.

    python -m benchmarks.extraction

After a run. The plain way is the listing of "Deep Learning with Python": pictures by
`image_dataset_from_directory`, `predict` batch by batch, `np.concatenate`, with TensorFlow's own
defaults. `in memory` is what the engine does on pictures that are already decoded.
"""

import time
from pathlib import Path

from tabulate import tabulate

from benchmarks.side_by_side import PLAIN, measure, run

PARAMS = Path("params.yaml")
WEIGHTS = Path("data/weights")
PICTURES = Path("data/subset/test")
WAYS = (PLAIN, "in memory", "this project")
BATCH_SIZE = 32
# Each takes as many of these as it needs for some seconds.
MOST = 1000


def report() -> str:
    """Measure all ways, and give a table."""
    found = measure("benchmarks.extraction", WAYS)
    plain = found[PLAIN]["pictures_per_second"]
    rows = [
        [
            way,
            f"{figures['pictures_per_second']:.0f}",
            f"{figures['pictures_per_second'] / plain:.2f}",
            f"{figures['greatest_difference']:.1e}" if way != PLAIN else "",
        ]
        for way, figures in found.items()
    ]
    header = ["way", "pictures a second", "times the plain way", "features differ from Keras' by"]
    return tabulate(rows, header, tablefmt="github", disable_numparse=True)


def time_way(way: str) -> dict[str, float]:
    """Time one way in this process, which has imported nothing large yet."""
    import keras
    import numpy as np

    from vision import features, pictures
    from vision.engine import Engine
    from vision.params import load_params

    extractor = features.build_extractor(load_params(PARAMS).backbone, WEIGHTS)
    size = extractor.input.shape[1]
    paths = [PICTURES / file for file in pictures.index(PICTURES)["file"]][:MOST]

    if way == PLAIN:
        dataset = keras.utils.image_dataset_from_directory(
            PICTURES, image_size=(size, size), batch_size=BATCH_SIZE, shuffle=False, verbose=False
        ).take(-(-len(paths) // BATCH_SIZE))
        extractor.predict(next(iter(dataset))[0], verbose=0)  # compiles
        start = time.perf_counter()
        rows = np.concatenate([extractor.predict(batch, verbose=0) for batch, _ in dataset])
        seconds = time.perf_counter() - start
        return {"pictures_per_second": len(rows) / seconds}

    network = Engine(extractor)
    decoded = pictures.load_batch(paths[:BATCH_SIZE], size)
    expected = extractor.predict(decoded.astype(np.float32), verbose=0)
    difference = float(np.abs(network(decoded) - expected).max())
    if way == "in memory":
        decoded = pictures.load_batch(paths, size)
        features.pictures.load_batch = lambda chosen, _: decoded[
            paths.index(chosen[0]) : paths.index(chosen[-1]) + 1
        ]
    start = time.perf_counter()
    rows = np.concatenate(list(features.run(network, paths, way)))
    seconds = time.perf_counter() - start
    return {"pictures_per_second": len(rows) / seconds, "greatest_difference": difference}


if __name__ == "__main__":
    run(time_way, report)
