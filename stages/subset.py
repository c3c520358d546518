"""Picks training, validation and test pictures of each class."""

import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from vision import figures, pictures
from vision.errors import UserError
from vision.output import write_csv, write_json
from vision.params import Params, load_params
from vision.program import run
from vision.splits import pick

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
RAW = Path("data/raw")
SUBSET = Path("data/subset")
LEFT_OUT = Path("data/left_out.csv")
METRICS = Path("metrics/subset.json")
SAMPLES = Path("plots/samples.png")

SAMPLE_COLUMNS = 6
SAMPLE_ROWS = 6


def main() -> None:
    params = load_params(PARAMS)
    wanted = {
        "train": params.subset.train,
        "validation": params.subset.validation,
        "test": params.subset.test,
    }
    chosen: dict[str, dict[str, list[str]]] = {split: {} for split in wanted}
    left_out: dict[str, dict[str, str]] = {}
    for label, files in pictures.index(RAW).groupby("label")["file"]:
        ordered = in_order(list(files), label, params)
        splits, left_out[label] = pick(label, ordered, wanted, why_unreadable)
        for split, picked in splits.items():
            chosen[split][label] = picked
    shutil.rmtree(SUBSET, ignore_errors=True)
    for split, classes in chosen.items():
        for label, files in classes.items():
            write(files, SUBSET / split / label)
    counts = chosen | {"left_out": left_out}
    write_json(
        {
            name: {label: len(files) for label, files in classes.items()}
            for name, classes in counts.items()
        },
        METRICS,
    )
    reasons = [item for of_class in left_out.values() for item in of_class.items()]
    write_csv(pd.DataFrame(reasons, columns=["file", "reason"]), LEFT_OUT)
    draw_samples()


def in_order(files: list[str], label: str, params: Params) -> list[str]:
    """Give a class's files in the order in which they are picked."""
    if params.subset.order == "natural":
        return files
    rng = np.random.default_rng([params.seed, zlib.crc32(label.encode())])
    return [files[number] for number in rng.permutation(len(files))]


def why_unreadable(files: Sequence[str]) -> list[str | None]:
    """Tell of each file why it can't be decoded, or None where it can."""
    with ThreadPoolExecutor() as pool:
        reasons = pool.map(pictures.why_unreadable, [RAW / file for file in files])
        return list(tqdm(reasons, "decode", len(files), unit="picture", disable=None))


def write(files: Sequence[str], folder: Path) -> None:
    """Copy pictures into a folder of the subset, in a form that every reader reads alike."""
    folder.mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        written = pool.map(lambda file: pictures.write_plain(RAW / file, folder), files)
        try:
            for _ in tqdm(written, str(folder), len(files), unit="picture", disable=None):
                pass
        except FileExistsError as error:
            raise UserError(
                f"two pictures would both be {error.filename}, since some are written in "
                "another format with its suffix added; rename one of them"
            ) from None


def draw_samples() -> None:
    """Show training pictures of the first classes, evenly chosen."""
    index = pictures.index(SUBSET / "train")
    classes = list(index["label"].unique())[:SAMPLE_ROWS]
    each = SAMPLE_COLUMNS * (SAMPLE_ROWS // len(classes))
    shown = pd.concat(
        files.iloc[np.unique(np.linspace(0, len(files) - 1, each).astype(int))]
        for label, files in index.groupby("label")["file"]
        if label in classes
    )
    figures.contact_sheet(
        SAMPLES,
        f"{len(shown)} of {len(index):,} training pictures, at their own shapes",
        (pictures.decode(SUBSET / "train" / file) for file in shown),
        list(shown),
        SAMPLE_COLUMNS,
    )


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
