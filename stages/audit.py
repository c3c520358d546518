"""Flag mislabelled, outlying, copied and odd pictures of all splits, and change none.

What to do about a finding is the user's to decide.
"""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from vision import pictures
from vision.audit import (
    copies,
    duplicates,
    findings,
    labels,
    missed,
    oddities,
    outliers,
    sheets,
    shortcuts,
)
from vision.figures.contact_sheets import contact_sheet
from vision.params import load_params
from vision.runtime.files import write_csv, write_json
from vision.runtime.program import run
from vision.runtime.text import folder_name, some
from vision.selection import groups as wholes

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
SHORTCUT_CLASSES, SHORTCUT_COLUMNS = 6, 8  # a row for each of so many classes
NOTHING = Image.new("RGB", (1, 1), "white")  # where a class has too few pictures for its row
MOSTLY_ALIKE = 0.25  # of a class, in one group of copies, is worth a line


class Found(NamedTuple):
    """The findings of each kind."""

    labels: pd.DataFrame
    outliers: pd.DataFrame
    copies: pd.DataFrame
    moments: pd.DataFrame
    odd: pd.DataFrame


def main() -> None:
    params = load_params(PARAMS)
    files = read_files()
    features = np.concatenate([np.load(FEATURES / f"{split}.npy") for split in pictures.SPLITS])
    odd, hashes, digests, moments, seen = examine(list(files["file"]))
    known = with_features(files, digests, len(features))
    picked = known[: len(features)]
    numbers, least = picked["number"].to_numpy(), math.ceil(params.audit.share * len(picked))
    pairs = copies.find(
        [digests[file] for file in known.index],
        hashes[known.index],
        copies.apart_from_classes(features[known["row"]], known["number"].to_numpy()),
        params.audit.similarity,
    )
    named = wholes.of_one_name(list(known["group"]))
    links = (np.concatenate(both) for both in zip(pairs[:2], named, strict=True))
    groups = duplicates.linked(len(known), *links)[: len(features)]
    probabilities, judged = labels.out_of_fold(
        features, numbers, groups, params.audit.folds, params.seed
    )
    quality = labels.quality(known["number"].to_numpy(), probabilities[known["row"]])
    confident = labels.confident(numbers, probabilities)
    distances = outliers.distances(features, numbers)
    classes = sorted(picked["label"].unique())
    found = Found(
        findings.of_labels(
            picked, classes, probabilities, quality[: len(picked)], confident, least
        ),
        findings.of_outliers(picked, distances, outliers.fence(distances), least),
        findings.of_copies(known, pairs, quality),
        findings.of_moments(files, moments),
        findings.of_oddities(files, odd),
    )
    splits = picked["split"].to_numpy()
    flattery = missed.flattery(features, numbers, splits, pairs, moments)
    tested = shortcuts.testable(numbers, groups)
    by = shortcuts.find(
        [seen[number] for number in picked.index[tested]],
        numbers[tested],
        groups[tested],
        params.seed,
    )
    told = [shortcut for shortcut in by if shortcut.is_worth_telling]
    write(found, judged, flattery, told)
    draw_shortcuts(told, picked[tested])
    report_untested(
        picked["label"][~tested].unique(), shortcuts.can_tell(numbers[tested], groups[tested])
    )
    report_classes(picked["label"].to_numpy(), groups, judged)


def read_files() -> pd.DataFrame:
    """List the pictures in the order of the features, then those that subset left out itself.

    Returns
    -------
    A row each: file, in RAW; split, empty where it is left out; label; group, empty where it is in
    none.
    """
    picked, left_out = (
        pd.read_csv(path, dtype=str, keep_default_na=False) for path in (PICKED, LEFT_OUT)
    )
    index = pd.concat(
        pd.read_csv(FEATURES / f"{split}.csv", dtype=str, keep_default_na=False).assign(split=split)
        for split in pictures.SPLITS
    )
    places = picked["split"] + "/" + picked["label"].map(folder_name) + "/" + picked["name"]
    by_place = picked.set_index(places).loc[index["split"] + "/" + index["file"]]
    undecided = left_out[left_out["kind"] != "dropped"].assign(split="", group="")
    both = pd.concat([by_place, undecided], ignore_index=True)
    return both[["file", "split", "label", "group"]]


class Examined(NamedTuple):
    """What is known of files: of a broken one, that it is, and its digest."""

    odd: list[list[oddities.Oddity]]
    hashes: np.ndarray
    digests: list[str]
    moments: list[wholes.Moment | None]
    seen: list[shortcuts.Seen]


def examine(files: list[str]) -> Examined:
    """Find what is odd about each file, its hashes, its digest, and what may be a shortcut."""

    def look(file: str) -> tuple:
        path = RAW / file
        try:
            picture = pictures.decode(path)
        except pictures.UnreadablePictureError as reason:
            return [oddities.broken(str(reason))], (0, 0), pictures.digest(path), None, {}
        exif = wholes.read_exif(path)
        return (
            oddities.find(path, picture),
            wholes.perceptual_hash(picture),
            pictures.digest(path),
            wholes.taken(exif),
            shortcuts.measure(path, exif, picture),
        )

    with ThreadPoolExecutor() as pool:
        found = tqdm(pool.map(look, files), "examine", len(files), unit="picture", disable=None)
        odd, hashes, digests, moments, seen = map(list, zip(*found, strict=True))
    return Examined(odd, np.array(hashes, dtype=np.uint64), digests, moments, seen)


def with_features(files: pd.DataFrame, digests: list[str], picked: int) -> pd.DataFrame:
    """Return the pictures that have features: those picked, and equal copies that were left out.

    Returns
    -------
    Their rows of `files`, with `row`, that of the features, and `number`, that of the class.
    """
    first = {digest: row for row, digest in reversed([*enumerate(digests[:picked])])}
    rows = [*range(picked), *map(first.get, digests[picked:])]
    known = files.assign(row=rows).dropna(subset="row").astype({"row": int})
    return known.assign(number=np.unique(known["label"], return_inverse=True)[1])


def write(
    found: Found,
    judged: np.ndarray,
    flattery: Mapping[str, int | dict],
    told: Sequence[shortcuts.Shortcut],
) -> None:
    """Write the findings, ranked, as a table and as contact sheets, and their counts.

    Parameters
    ----------
    judged : of which labels something can be said, shape (pictures,).
    flattery : how many test pictures belong to some that are trained on, and what that does.
    told : the shortcuts by which a model may tell the classes.
    """
    table = findings.ranked(*found, len(judged))
    counts = summary(found)
    if missed_groups := count_missed(found) | flattery:
        counts["missed_groups"] = missed_groups
    if told:
        counts["shortcuts"] = {each.nuisance: each.figures() for each in told}
    write_csv(table, FINDINGS)
    write_json({"pictures": len(judged)} | counts | {"not_judged": int((~judged).sum())}, METRICS)
    draw(table, len(judged))
    if leaks := counts["copies"]["across_splits"]:
        print(f"{leaks:,} pictures have copies in another split, so that the test knows them")
    report_missed(missed_groups)
    for each in told:
        print(shortcuts.told(each.nuisance, each.figures()))
    print(f"{len(table):,} findings in {len(judged):,} pictures: {FINDINGS}, {SHEETS}")


def summary(found: Found) -> dict[str, int | dict[str, int]]:
    """Count the findings of each kind."""
    copied = found.copies
    return {
        "labels": int(found.labels["action"].str.startswith("relabel").sum()),
        "outliers": int(found.outliers["beyond_fence"].sum()),
        "copies": {
            "equal": int((copied["kind"] == "equal copy").sum()),
            "near": int((copied["kind"] == "near copy").sum()),
            "across_splits": int(copied["across_splits"].sum()),
            "labels_disagree": int(copied["labels_disagree"].sum()),
        },
        "odd": {kind: int((found.odd["kind"] == kind).sum()) for kind in oddities.KINDS},
    }


def count_missed(found: Found) -> dict[str, int | dict]:
    """Count the pictures that look as if they belonged to some of another split, if there are."""
    near = found.copies["across_splits"] & (found.copies["kind"] == "near copy")
    counts = {"near_copies": int(near.sum()), "same_moment": len(found.moments)}
    return {kind: number for kind, number in counts.items() if number}


def report_missed(counts: Mapping) -> None:
    """Print how many pictures belong to some of another split, and how that flatters."""
    advice = {
        "near_copies": (
            "are nearly the same as one in another split",
            "copies keeps those together that differ least",
        ),
        "same_moment": (
            f"were taken by the same camera within {missed.SECONDS} seconds of one in another "
            "split",
            f"{missed.SECONDS}s keeps them together",
        ),
    }
    for kind, (what, kept) in advice.items():
        if number := counts.get(kind):
            print(f"{number:,} pictures {what}; subset.group_by = {kept}")
    measured = {
        "related": "{:.3f} on these",
        "unrelated": "{:.3f} on the other test pictures",
        "kept_together": "{:.3f} on all if what belongs to them is not trained on",
    }
    accuracy = counts.get("accuracy", {})
    said = [text.format(accuracy[name]) for name, text in measured.items() if name in accuracy]
    if said:
        print(
            f"{counts['related_in_test']:,} test pictures belong to some that are trained on; "
            f"the accuracy of a linear model is {', '.join(said)}"
        )


def report_classes(of_class: np.ndarray, groups: np.ndarray, judged: np.ndarray) -> None:
    """Print which classes' pictures are mostly one, and of which labels could not be judged."""
    for label in np.unique(of_class):
        own = groups[of_class == label]
        largest = int(np.unique(own, return_counts=True)[1].max())
        if largest > max(1, MOSTLY_ALIKE * len(own)):
            print(
                f"class {label}: {largest:,} of {len(own):,} pictures are near-copies of one "
                "another; in test, they tell how well a model knows what it was trained on"
            )
        if unjudged := int((~judged[of_class == label]).sum()):
            print(
                f"class {label}: {unjudged:,} of {len(own):,} labels could not be judged, for want "
                "of unlike pictures of it"
            )


def report_untested(labels: Sequence[str], has_tested: bool) -> None:
    """Print in which classes nothing was looked for that should not matter.

    Parameters
    ----------
    labels : the classes that have too few groups.
    has_tested : whether the others were looked at: there are two of them at least.
    """
    if not has_tested:
        lacking = f"; of {some(labels)} there are too few" if len(labels) else ""
        print(
            "no class was looked at for shortcuts, since fewer than two have enough groups of "
            f"unlike pictures of their own{lacking}"
        )
    elif len(labels):
        have = "class has" if len(labels) == 1 else "classes have"
        print(
            f"{len(labels):,} {have} too few groups of unlike pictures to be looked at for "
            f"shortcuts: {some(labels)}"
        )


def draw_shortcuts(told: Sequence[shortcuts.Shortcut], picked: pd.DataFrame) -> None:
    """Draw the pictures whose class is told best by what should not matter.

    There is a row for each of the classes that are told best; nothing where there is no shortcut.

    Parameters
    ----------
    picked : the pictures that were tested.
    """
    tiles = []
    for each in told:
        of_file = pd.Series(each.probabilities, picked["file"])
        of_class = of_file.groupby(picked["label"].to_numpy())
        for label in of_class.mean().nlargest(SHORTCUT_CLASSES).index:
            surest = of_class.get_group(label).nlargest(SHORTCUT_COLUMNS)
            tiles += [(file, f"{file}\n{each.nuisance}: {own:.2f}") for file, own in surest.items()]
            tiles += [("", "")] * (SHORTCUT_COLUMNS - len(surest))
    if tiles:
        contact_sheet(
            SHEETS / "shortcuts.png",
            "pictures whose class is told best by what should not matter, and how surely",
            (pictures.decode(RAW / file) if file else NOTHING for file, _ in tiles),
            [caption for _, caption in tiles],
            SHORTCUT_COLUMNS,
        )


def draw(table: pd.DataFrame, picked: int) -> None:
    """Draw the contact sheets."""
    copied = table["kind"].str.endswith("copy")
    of_kind = {
        "labels": ("doubtful labels", table["kind"] == "label"),
        "outliers": ("pictures that are like no others", table["kind"] == "outlier"),
        "copies": ("copies, each followed by what it is a copy of", copied),
        "moments": (
            "pictures of one moment in different splits, each followed by the other",
            table["kind"] == findings.MOMENT,
        ),
        "odd": ("odd files", table["kind"].isin(oddities.KINDS)),
    }
    for name, (what, chosen) in of_kind.items():
        if name == "moments" and not chosen.any():
            continue  # hardly any set has some
        shown = table[chosen][:SHOWN_OF_KIND]
        heading = f"{len(shown)} of {chosen.sum():,} {what}, in {picked:,} pictures"
        sheets.draw(SHEETS / f"{name}.png", heading, shown, RAW.joinpath)
    shown = table[:SHOWN]
    heading = f"The first {len(shown)} of {len(table):,} findings in {picked:,} pictures"
    sheets.draw(SHEETS / "first.png", heading, shown, RAW.joinpath)


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
