"""Measures scaled decoding: JPEG files decoded at half, a quarter or an eighth of their size.

    python -m benchmarks.decoding ARCHIVE [--most PICTURES]

The archive holds pictures as cameras write them, in a folder for each class or named after it; what
the pipeline would take, it takes. Files that are larger than the network's pictures need not be
decoded in full: libjpeg-turbo leaves out the finer part of each block of 8×8 pixels. The decoded
picture is at least so many times as large as the network's.

Time is that of the pipeline's decoder and of resizing, in one thread, in turns. Accuracy is that of
logistic regression on the features, cross-validated with five folds over all the pictures; in the
last column the heads were trained on pictures decoded in full. Pictures enlarged to a telephone's
12 megapixels lack the detail that these have, so that they tell the time only.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabulate import tabulate

from benchmarks.document import keep
from benchmarks.files import unpacked
from vision import pictures
from vision.models.engine import Engine
from vision.networks.extractor import build_extractor
from vision.params import BackboneSettings
from vision.runtime.prefetch import load_ahead

WEIGHTS = Path("data/weights")
# Heights and widths of the network's pictures. At 112 px the pipeline scales pictures from 448 on.
SIZES = (224, 112)
# Times the network's size that a decoded picture has at least; None: its own.
LEAST = (None, 2, 1)
TURNS = 3
PHONE = (4000, 3000)
ENLARGED = 50
BATCH_SIZE = 32
SEED = 0
FOLDS = 5


def report(archive: Path, most: int | None) -> str:
    """Measure, and give a table."""
    with tempfile.TemporaryDirectory() as folder:
        source = unpacked(archive, Path(folder))
        chosen = pictures.index(source).groupby("label").head(most or sys.maxsize)
        readable = [not pictures.why_unreadable(source / file) for file in chosen["file"]]
        chosen = chosen[readable]
        paths = [source / file for file in chosen["file"]]
        phone = enlarge(paths[:: -(-len(paths) // ENLARGED)], Path(folder) / "enlarged")
        labels = chosen["label"].to_numpy(str)
        rows = [row for size in SIZES for row in measure(paths, labels, phone, size)]
    header = [
        "network",
        "pictures",
        "decoded",
        "ms a picture",
        "features move by, standard deviations",
        "accuracy",
        "trained in full",
    ]
    return tabulate(rows, header, tablefmt="github", disable_numparse=True)


def measure(
    paths: Sequence[Path], labels: np.ndarray, phone: Sequence[Path], size: int
) -> list[list[str]]:
    """Give the rows of the table for one size of the network's pictures."""
    backbone = BackboneSettings(
        name="efficientnet_lite0", weights="imagenet", pooling="avg", image_size=size
    )
    network = Engine(build_extractor(backbone, WEIGHTS))
    rows_of = [extract(network, paths, least) for least in LEAST]
    seconds, of_phone = timed(paths, size), timed(phone, size)
    own = [cross_validated(of_way, labels, of_way) == labels for of_way in rows_of]
    crossed = [cross_validated(rows_of[0], labels, of_way) == labels for of_way in rows_of]
    moved = [np.abs(of_way - rows_of[0]).mean(axis=1) / rows_of[0].std() for of_way in rows_of]
    acts = np.array([[is_scaled(path, least, size) for least in LEAST] for path in paths])
    rows = []
    for kind, chosen in (
        ("all", np.full(len(paths), True)),
        ("too small to be scaled", ~acts[:, 2]),
        (f"scaled at least to 1 × {size}", acts[:, 2] & ~acts[:, 1]),
        (f"scaled at least to 2 × {size}", acts[:, 1]),
    ):
        for number, least in enumerate(LEAST) if chosen.any() else ():
            rows.append(
                [
                    f"{size} px",
                    f"{kind}: {chosen.sum():,}",
                    named(least, size),
                    f"{1000 * seconds[number, chosen].mean():.1f}",
                    f"{moved[number][chosen].mean():.4f}",
                    f"{own[number][chosen].mean():.4f}",
                    f"{crossed[number][chosen].mean():.4f}",
                ]
            )
    for number, least in enumerate(LEAST):
        ms = f"{1000 * of_phone[number].mean():.1f}"
        kind = f"enlarged to 12 megapixels: {len(phone):,}"
        rows.append([f"{size} px", kind, named(least, size), ms])
    return rows


def named(least: int | None, size: int) -> str:
    return "in full" if least is None else f"at least at {least} × {size}"


def load(path: Path, least: int | None, size: int) -> np.ndarray:
    """Decode and resize a picture as the pipeline does, but for the least size."""
    decoded = pictures.decode(path, least and least * size)
    return np.asarray(decoded.resize((size, size), Image.Resampling.BILINEAR))


def is_scaled(path: Path, least: int | None, size: int) -> bool:
    """Tell whether the decoder makes less of a file than there is."""
    with Image.open(path) as image:
        whole = image.size
        if least:
            image.draft(None, (least * size, least * size))
        return image.size != whole


def extract(network: Engine, paths: Sequence[Path], least: int | None) -> np.ndarray:
    batches = [paths[start : start + BATCH_SIZE] for start in range(0, len(paths), BATCH_SIZE)]
    size = network.image_size
    rows = load_ahead(
        lambda batch: network(np.stack([load(path, least, size) for path in batch])), batches
    )
    return np.concatenate(list(rows))


def timed(paths: Sequence[Path], size: int) -> np.ndarray:
    """Give the seconds that each picture takes, medians over the turns: (ways, pictures)."""
    seconds = np.zeros((TURNS, len(LEAST), len(paths)))
    for turn in range(TURNS):
        for way, least in enumerate(LEAST):
            for number, path in enumerate(paths):
                start = time.perf_counter()
                load(path, least, size)
                seconds[turn, way, number] = time.perf_counter() - start
    return np.median(seconds, axis=0)


def enlarge(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Enlarge pictures to a telephone's size, as JPEG files."""
    folder.mkdir()
    files = [folder / f"{number}.jpg" for number in range(len(paths))]
    for path, file in zip(paths, files, strict=True):
        large = pictures.decode(path).resize(PHONE, Image.Resampling.BICUBIC)
        large.save(file, "JPEG", quality=90)
    return files


def cross_validated(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Predict each fold of `test` from the other folds of `train`; give the labels."""
    predicted = np.empty_like(labels)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for fitted, held_out in folds.split(train, labels):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        model.fit(train[fitted], labels[fitted])
        predicted[held_out] = model.predict(test[held_out])
    return predicted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="of full-size pictures")
    parser.add_argument("--most", type=int, metavar="PICTURES", help="of each class; else all")
    options = parser.parse_args()
    keep("decoding", report(options.archive, options.most))


if __name__ == "__main__":
    main()
