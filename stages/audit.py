"""Looks for pictures that do harm: mislabelled, of nothing, copies, broken files. It changes none.

All splits are audited together. What to do about a finding is the user's to decide.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from vision import pictures
from vision.audit import copies, duplicates, findings, labels, oddities, outliers, sheets
from vision.params import load_params
from vision.runtime.files import write_csv, write_json
from vision.runtime.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
RAW = Path("data/raw")
PICKED = Path("data/picked.csv")
LEFT_OUT = Path("data/left_out.csv")
FEATURES = Path("data/features")
METRICS = Path("metrics/audit.json")
FINDINGS = Path("data/audit.csv")
SHEETS = Path("plots/audit")

SHOWN = 100  # of all findings; of each kind, SHOWN_OF_KIND
SHOWN_OF_KIND = 48
MOSTLY_ALIKE = 0.25  # of a class, in one group of copies, is worth a line


def main() -> None:
    params = load_params(PARAMS)
    files = read_files()
    features = np.concatenate([np.load(FEATURES / f"{split}.npy") for split in pictures.SPLITS])
    picked = len(features)
    odd, hashes, digests = examine(list(files["file"]))
    alike = twins(digests, picked)
    looked, rows = list(alike), list(alike.values())
    classes, numbers = np.unique(files["label"].iloc[looked], return_inverse=True)
    pairs = copies.find(
        [digests[number] for number in looked],
        hashes[looked],
        copies.apart_from_classes(features[rows], numbers),
        params.audit.similarity,
    )
    groups = duplicates.linked(len(looked), pairs.earlier, pairs.later)[:picked]
    probabilities, judged = labels.out_of_fold(
        features, numbers[:picked], groups, params.audit.folds, params.seed
    )
    quality = labels.quality(numbers, probabilities[rows])
    distances = outliers.distances(features, params.audit.neighbours)
    least = math.ceil(params.audit.share * picked)
    doubtful = findings.of_labels(
        files[:picked],
        list(classes),
        probabilities,
        quality[:picked],
        labels.confident(numbers[:picked], probabilities),
        least,
    )
    alone = findings.of_outliers(files[:picked], distances, outliers.fence(distances), least)
    copied = findings.of_copies(files.iloc[looked], pairs, quality)
    strange = findings.of_oddities(files, odd)
    table = findings.ranked(doubtful, alone, copied, strange, picked)
    write_csv(table, FINDINGS)
    counts = summary(picked, doubtful, alone, copied, strange)
    write_json(counts | {"not_judged": int((~judged).sum())}, METRICS)
    draw(table, picked)
    tell_what_is_alike(files["label"].to_numpy()[:picked], groups, judged)
    if leaks := counts["copies"]["across_splits"]:
        print(f"{leaks:,} pictures have copies in another split, so that the test knows them")
    print(f"{len(table):,} findings in {picked:,} pictures: {FINDINGS}, {SHEETS}")


def read_files() -> pd.DataFrame:
    """List the pictures in the order of the features, then those that subset left out itself.

    Returns
    -------
    A row each: file, in RAW; split, empty where it is left out; label.
    """
    picked, left_out = (
        pd.read_csv(path, dtype=str, keep_default_na=False) for path in (PICKED, LEFT_OUT)
    )
    index = pd.concat(
        pd.read_csv(FEATURES / f"{split}.csv", dtype=str, keep_default_na=False).assign(split=split)
        for split in pictures.SPLITS
    )
    places = picked["split"] + "/" + picked["label"] + "/" + picked["name"]
    by_place = picked.set_index(places).loc[index["split"] + "/" + index["file"]]
    undecided = left_out[left_out["kind"] != "dropped"].assign(split="")
    return pd.concat([by_place, undecided], ignore_index=True)[["file", "split", "label"]]


def examine(files: list[str]) -> tuple[list[list[oddities.Oddity]], np.ndarray, list[str]]:
    """Find what is odd about each file, its perceptual hashes and its digest."""

    def look(file: str) -> tuple[list[oddities.Oddity], tuple[int, int], str]:
        path = RAW / file
        try:
            picture = pictures.decode(path)
        except pictures.UnreadablePictureError as reason:
            return [oddities.broken(str(reason))], (0, 0), pictures.digest(path)
        return (
            oddities.find(path, picture),
            copies.perceptual_hash(picture),
            pictures.digest(path),
        )

    with ThreadPoolExecutor() as pool:
        found = tqdm(pool.map(look, files), "examine", len(files), unit="picture", disable=None)
        odd, hashes, digests = zip(*found, strict=True)
    return list(odd), np.array(hashes, dtype=np.uint64), list(digests)


def twins(digests: list[str], picked: int) -> dict[int, int]:
    """Give the picture whose features each one has: itself, or, of a copy left out, its twin."""
    first: dict[str, int] = {}
    for number, digest in enumerate(digests[:picked]):
        first.setdefault(digest, number)
    left_out = range(picked, len(digests))
    return {number: number for number in range(picked)} | {
        number: first[digests[number]] for number in left_out if digests[number] in first
    }


def summary(
    picked: int,
    doubtful: pd.DataFrame,
    alone: pd.DataFrame,
    copied: pd.DataFrame,
    strange: pd.DataFrame,
) -> dict[str, int | dict[str, int]]:
    """Count the findings of each kind."""
    return {
        "pictures": picked,
        "labels": int(doubtful["action"].str.startswith("relabel").sum()),
        "outliers": int((alone["action"] == "drop").sum()),
        "copies": {
            "equal": int((copied["kind"] == "equal copy").sum()),
            "near": int((copied["kind"] == "near copy").sum()),
            "across_splits": int(copied["across_splits"].sum()),
            "labels_disagree": int(copied["labels_disagree"].sum()),
        },
        "odd": {kind: int((strange["kind"] == kind).sum()) for kind in oddities.KINDS},
    }


def tell_what_is_alike(of_class: np.ndarray, groups: np.ndarray, judged: np.ndarray) -> None:
    """Say which classes' pictures are mostly one, and of which no label could be judged."""
    for label in np.unique(of_class):
        own = groups[of_class == label]
        largest = int(np.unique(own, return_counts=True)[1].max())
        if largest > max(1, MOSTLY_ALIKE * len(own)):
            print(
                f"class {label}: {largest:,} of {len(own):,} pictures are near-copies of one "
                "another; in test, they tell how well a model knows what it was trained on"
            )
        if not judged[of_class == label].any():
            print(f"class {label}: no label could be judged, for want of unlike pictures")


def draw(table: pd.DataFrame, picked: int) -> None:
    """Draw the contact sheets."""
    copied = table["kind"].str.endswith("copy")
    of_kind = {
        "labels": ("doubtful labels", table["kind"] == "label"),
        "outliers": ("pictures that are like no others", table["kind"] == "outlier"),
        "copies": ("copies, each followed by what it is a copy of", copied),
        "odd": ("odd files", table["kind"].isin(oddities.KINDS)),
    }
    for name, (what, chosen) in of_kind.items():
        shown = table[chosen][:SHOWN_OF_KIND]
        heading = f"{len(shown)} of {chosen.sum():,} {what}, in {picked:,} pictures"
        sheets.draw(SHEETS / f"{name}.png", heading, shown, RAW.joinpath)
    shown = table[:SHOWN]
    heading = f"The first {len(shown)} of {len(table):,} findings in {picked:,} pictures"
    sheets.draw(SHEETS / "first.png", heading, shown, RAW.joinpath)


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
