"""Measures scaled decoding: JPEG files decoded at half, a quarter or an eighth of their size.

    python -m benchmarks.decoding

After a run, on the training pictures. Files that are larger than the network's pictures need not be
decoded in full: libjpeg-turbo leaves out the finer part of each block of 8×8 pixels. The decoded
picture is at least so many times as large as the network's. Each is tried on the files as they
are, and enlarged to a telephone's 12 megapixels. Accuracy is that of logistic regression on the
features, cross-validated with five folds; the last column is that of heads that were trained on
pictures decoded in full.
"""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabulate import tabulate

PARAMS = Path("params.yaml")
WEIGHTS = Path("data/weights")
PICTURES = Path("data/subset/train")
# Of each class.
MOST = 250
PHONE = (4000, 3000)
FULL = 0.0
LEAST = (FULL, 2.0, 1.0)
SEED = 0
FOLDS = 5


def report() -> Iterator[str]:
    """Measure, and give a table."""
    from vision import features, pictures
    from vision.engine import Engine
    from vision.params import Backbone

    index = pictures.index(PICTURES)
    chosen = index.groupby("label").head(MOST)
    labels = (chosen["label"] != chosen["label"].iloc[0]).to_numpy(int)
    extractor = features.build_extractor(
        Backbone(name="efficientnet_lite0", weights="imagenet", pooling="avg", image_size=None),
        WEIGHTS,
    )
    engine = Engine(extractor)
    size = engine.image_size
    contents = [(PICTURES / file).read_bytes() for file in chosen["file"]]
    rows = []
    for kind, of_kind in (("as they are", contents), ("12 megapixels", enlarged(contents))):
        shape = median_shape(of_kind)
        of_full = None
        for least in LEAST:
            seconds, decoded = timed(lambda: decode_all(of_kind, size, least))  # noqa: B023
            found = engine(decoded)
            if least == FULL:
                of_full = found
            own = cross_validated(found, labels, found)
            crossed = cross_validated(of_full, labels, found)
            rows.append(
                [
                    f"{kind}, {shape}",
                    "in full" if least == FULL else f"{least:.0f} × {size}",
                    1000 * seconds / len(of_kind),
                    f"{np.abs(found - of_full).mean() / of_full.std():.4f}",
                    f"{own:.4f}",
                    f"{crossed:.4f}",
                ]
            )
    header = [
        f"{len(contents):,} pictures",
        "decoded at least at",
        "ms a picture",
        "features move by, standard deviations",
        "accuracy",
        "trained in full",
    ]
    yield tabulate(rows, header, tablefmt="github", floatfmt=".1f", disable_numparse=[3, 4, 5])


def decode_all(contents: Sequence[bytes], size: int, least: float) -> np.ndarray:
    return np.stack([decode(content, size, least) for content in contents])


def decode(content: bytes, size: int, least: float) -> np.ndarray:
    """Decode and resize a JPEG file: uint8, shape (size, size, 3)."""
    with Image.open(io.BytesIO(content)) as image:
        if least:
            image.draft("RGB", (int(least * size), int(least * size)))
        resized = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def enlarged(contents: Sequence[bytes]) -> list[bytes]:
    """Enlarge pictures to a telephone's size, as JPEG files."""
    files = []
    for content in contents:
        with Image.open(io.BytesIO(content)) as image:
            large = image.convert("RGB").resize(PHONE, Image.Resampling.BICUBIC)
        file = io.BytesIO()
        large.save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return files


def median_shape(contents: Sequence[bytes]) -> str:
    sizes = [Image.open(io.BytesIO(content)).size for content in contents]
    return "{:.0f}×{:.0f} px".format(*np.median(sizes, axis=0))


def cross_validated(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> float:
    """Predict each fold of `test` from the other folds of `train`; give the accuracy."""
    right = 0
    for fitted, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(
        train, labels
    ):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        model.fit(train[fitted], labels[fitted])
        right += (model.predict(test[held_out]) == labels[held_out]).sum()
    return right / len(labels)


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    print(*report())
