"""Plants bad pictures among good ones, and counts how many of them the audit lists first.

    python -m benchmarks.planted FOLDER --each 1500

FOLDER has one folder for each class. Logos, placeholders, drawings, blanks and screenshots are
planted as shares of the set, in its classes by turns, each once or several times, as a little
different copies. Listed is the share of them within the first 5 % of all pictures, by the audit's
score for outliers, and by the mean distance to the 30 nearest neighbours (J. Kuan, J. Mueller,
2022). The network is that of params.yaml.
"""

import argparse
import io
import math
import tempfile
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.neighbors import NearestNeighbors

from benchmarks.project import PARAMS, ROOT
from vision import pictures
from vision.audit import outliers
from vision.features import extraction
from vision.models.engine import Engine
from vision.networks import determinism
from vision.networks.extractor import build_extractor
from vision.params import load_params
from vision.runtime.program import run

SHARES, TIMES = (0.005, 0.02, 0.05), (1, 2, 5, 20)
FIRST = 0.05
SIZE = 320


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="has the good pictures")
    parser.add_argument("--each", type=int, help="so many of each class; all by default")
    options = parser.parse_args()
    index = pictures.index(options.folder)
    index = index.groupby("label").head(options.each)
    good = [options.folder / file for file in index["file"]]
    classes, numbers = np.unique(index["label"], return_inverse=True)
    most = math.ceil(max(SHARES) * len(good))
    determinism.enable()
    network = Engine(build_extractor(load_params(ROOT / PARAMS).backbone, ROOT / "data/weights"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted = {times: plant(folder, times, most) for times in TIMES}
        extracted = folder / "rows.npy"
        extraction.write(network, [*good, *chain(*planted.values())], extracted, 0)
        features = np.load(extracted)
    bad = dict(zip(TIMES, np.split(features[len(good) :], len(TIMES)), strict=True))
    print("share  times  audit  30 nearest neighbours")
    for share in SHARES:
        for times in TIMES:
            count = max(2, round(share * len(good)))
            if times <= count:
                rows = np.concatenate([bad[times][:count], features[: len(good)]])
                among = np.concatenate([np.arange(count) % len(classes), numbers])
                scores = (outliers.distances(rows, among), nearest(rows))
                of_both = "  ".join(f"{listed(score, count):5.2f}" for score in scores)
                print(f"{count / len(rows):5.3f}  {times:5}  {of_both}", flush=True)


def listed(distances: np.ndarray, planted: int) -> float:
    """Return the share of the first rows, which are planted, among the farthest ones."""
    first = max(planted, math.ceil(FIRST * len(distances)))
    return float((np.argsort(-distances, kind="stable")[:first] < planted).sum() / planted)


def nearest(features: np.ndarray) -> np.ndarray:
    """Return the mean cosine distance to the nearest neighbours."""
    neighbours = NearestNeighbors(n_neighbors=min(30, len(features) - 1), metric="cosine")
    return neighbours.fit(features).kneighbors()[0].mean(axis=1)


def plant(folder: Path, times: int, count: int) -> list[Path]:
    """Write bad pictures, so many times each, of one kind after another."""
    paths = []
    for number in range(count):
        kind = KINDS[number // times % len(KINDS)]
        picture = kind(np.random.default_rng([number // times, times]))
        paths.append(folder / f"{times}-{number}.jpg")
        varied(picture, np.random.default_rng([number, times])).save(paths[-1], quality=90)
    return paths


def varied(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Crop, resize and compress a picture a little."""
    edge = int(SIZE * rng.uniform(0, 0.04))
    cropped = picture.crop((edge, edge, SIZE - edge, SIZE - edge))
    side = int(SIZE * rng.uniform(0.7, 1.2))
    file = io.BytesIO()
    cropped.resize((side, side)).save(file, "JPEG", quality=int(rng.integers(60, 95)))
    return Image.open(file)


def _canvas(colour: Sequence[int]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (SIZE, SIZE), tuple(map(int, colour)))
    return picture, ImageDraw.Draw(picture)


def _word(rng: np.random.Generator, letters: int) -> str:
    return "".join(chr(97 + int(letter)) for letter in rng.integers(0, 26, letters))


def logo(rng: np.random.Generator) -> Image.Image:
    picture, draw = _canvas(rng.integers(180, 256, 3))
    for _ in range(rng.integers(2, 5)):
        left, top, width, height = map(int, rng.integers(30, 160, 4))
        shape = (draw.ellipse, draw.rectangle)[rng.integers(2)]
        shape((left, top, left + width, top + height), tuple(map(int, rng.integers(0, 256, 3))))
    draw.text((60, 250), _word(rng, 6).upper(), (0, 0, 0), font_size=40)
    return picture


def placeholder(rng: np.random.Generator) -> Image.Image:
    picture, draw = _canvas([rng.integers(190, 240)] * 3)
    texts = ("No image", "Coming soon", "Not found", "404", "no photo")
    draw.text((60, 130), texts[rng.integers(5)], (90, 90, 90), font_size=int(rng.integers(26, 38)))
    draw.rectangle((8, 8, SIZE - 8, SIZE - 8), outline=(120, 120, 120), width=3)
    return picture


def drawing(rng: np.random.Generator) -> Image.Image:
    picture, draw = _canvas((255, 255, 255))
    for _ in range(rng.integers(12, 30)):
        points = [tuple(map(int, point)) for point in rng.integers(10, 310, (3, 2))]
        draw.line(points, tuple(map(int, rng.integers(0, 120, 3))), int(rng.integers(1, 6)))
    return picture


def blank(rng: np.random.Generator) -> Image.Image:
    noise = rng.normal(0, rng.uniform(0, 6), (SIZE, SIZE, 3))
    return Image.fromarray((rng.integers(0, 256, 3) + noise).clip(0, 255).astype(np.uint8))


def screenshot(rng: np.random.Generator) -> Image.Image:
    picture, draw = _canvas((250, 250, 250))
    draw.rectangle((0, 0, SIZE, 40), tuple(map(int, rng.integers(0, 200, 3))))
    for line in range(9):
        words = " ".join(_word(rng, int(rng.integers(2, 9))) for _ in range(5))
        draw.text((15, 55 + 28 * line), words, (30, 30, 30), font_size=16)
    return picture


KINDS: tuple[Callable[[np.random.Generator], Image.Image], ...] = (
    logo,
    placeholder,
    drawing,
    blank,
    screenshot,
)


if __name__ == "__main__":
    run(main)
