"""Picks training, validation and test pictures of each class."""

import json
import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from vision import figures, pictures
from vision.errors import run
from vision.params import Params, load_params
from vision.splits import pick

PARAMS = Path("params.yaml")
RAW = Path("data/raw")
SUBSET = Path("data/subset")
LEFT_OUT = Path("data/left_out.csv")
METRICS = Path("metrics/subset.json")
SAMPLES = Path("plots/samples.png")

SAMPLE_COLUMNS = 6
SAMPLE_ROWS = 6


def main() -> None:
    params = load_params(PARAMS)
    index = pictures.index(RAW)
    wanted = {
        "train": params.subset.train,
        "validation": params.subset.validation,
        "test": params.subset.test,
    }
    chosen: dict[tuple[str, str], list[str]] = {}
    left_out: dict[str, str] = {}
    for label, files in index.groupby("label")["file"]:
        splits, unusable = pick(label, in_order(list(files), label, params), wanted, check)
        chosen |= {(split, label): picked for split, picked in splits.items()}
        left_out |= unusable
    for (split, label), files in chosen.items():
        write(files, SUBSET / split / label)
    counts = {split: {} for split in wanted} | {"left_out": {}}
    for (split, label), files in chosen.items():
        counts[split][label] = len(files)
        counts["left_out"][label] = sum(file.startswith(f"{label}/") for file in left_out)
    METRICS.write_text(json.dumps(counts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    rows = pd.DataFrame(left_out.items(), columns=["file", "reason"])
    rows.to_csv(LEFT_OUT, index=False)
    draw_samples()


def in_order(files: list[str], label: str, params: Params) -> list[str]:
    """Give a class's files in the order in which they are picked."""
    if params.subset.order == "natural":
        return files
    rng = np.random.default_rng([params.seed, zlib.crc32(label.encode())])
    return [files[number] for number in rng.permutation(len(files))]


def check(files: Sequence[str]) -> list[str | None]:
    """Tell why files can't be decoded, or None for each that can."""
    with ThreadPoolExecutor() as pool:
        reasons = pool.map(lambda file: pictures.why_unreadable(RAW / file), files)
        return list(tqdm(reasons, "decode", len(files), unit="picture", disable=None))


def write(files: Sequence[str], folder: Path) -> None:
    """Copy pictures, those that not every reader reads right as upright RGB PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        source = RAW / file
        if pictures.is_plain(source):
            shutil.copyfile(source, folder / source.name)
        else:
            pictures.decode(source).save(folder / f"{source.name}.png")


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
        [pictures.decode(SUBSET / "train" / file) for file in shown],
        list(shown),
        SAMPLE_COLUMNS,
    )


if __name__ == "__main__":
    run(main)
