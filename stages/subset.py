"""Picks training, validation and test pictures of each class, as corrected by the user."""

import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from vision import corrections, figures, pictures
from vision.errors import UserError
from vision.output import write_csv, write_json
from vision.params import Params, load_params
from vision.program import run
from vision.splits import Copies, Picked, pick

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
RAW = Path("data/raw")
CORRECTIONS = Path("data/corrections.csv")
SUBSET = Path("data/subset")
PICKED = Path("data/picked.csv")
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
    found = {
        label: in_order(list(files), label, params)
        for label, files in pictures.index(RAW).groupby("label")["file"]
    }
    decided = corrections.read(CORRECTIONS, found)
    known = Copies(lambda file: pictures.digest(RAW / file))
    picked = {
        label: pick(
            label, files, wanted, why_unreadable, known if params.subset.leave_out_copies else None
        )
        for label, files in corrections.apply(decided, found).items()
    }
    rows = [
        (file, split, label, corrections.name(file, label, found))
        for label, of_class in picked.items()
        for split, files in of_class.splits.items()
        for file in files
    ]
    chosen = pd.DataFrame(rows, columns=["file", "split", "label", "name"])
    shutil.rmtree(SUBSET, ignore_errors=True)
    for (split, label), files in chosen.groupby(["split", "label"], sort=False):
        names = write(list(files["file"]), list(files["name"]), SUBSET / split / label)
        chosen.loc[files.index, "name"] = names
    write_csv(chosen, PICKED)
    left_out = why_left_out(picked, decided)
    write_csv(left_out, LEFT_OUT)
    relabelled = [fix.label for fix in decided.values() if fix.action == "relabel"]
    counts = {
        split: {label: len(of_class.splits[split]) for label, of_class in picked.items()}
        for split in wanted
    } | {
        "left_out": count(left_out, "broken", found),
        "copies": count(left_out, "copy", found),
        "dropped": count(left_out, "dropped", found),
        "relabelled": {label: relabelled.count(label) for label in found},
    }
    write_json(counts, METRICS)
    tell(counts)
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


def write(files: Sequence[str], names: Sequence[str], folder: Path) -> list[str]:
    """Copy pictures into a folder of the subset, in a form that every reader reads alike.

    Returns
    -------
    Their names there: of those that were written in another format, not the ones given.
    """
    folder.mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        sources = [RAW / file for file in files]
        written = pool.map(pictures.write_plain, sources, repeat(folder), names)
        try:
            return list(tqdm(written, str(folder), len(files), unit="picture", disable=None))
        except FileExistsError as error:
            raise UserError(
                f"two pictures would both be {error.filename}, since some are written in "
                "another format with its suffix added; rename one of them"
            ) from None


def why_left_out(
    picked: Mapping[str, Picked], decided: Mapping[str, corrections.Correction]
) -> pd.DataFrame:
    """List the pictures that were met and not picked: file, reason, label, kind.

    A kind is broken, copy (of a picture in another split) or dropped (by a correction).
    """
    rows = []
    for label, of_class in picked.items():
        rows += [(file, reason, label, "broken") for file, reason in of_class.unusable.items()]
        for file, first in of_class.copies.items():
            other = f"{first.file}, which is in {first.split}"
            if first.label != label:
                other += f", labelled {first.label} there and {label} here; one of them is wrong"
            rows.append((file, f"the same file as {other}", label, "copy"))
    rows += [
        (file, fix.reason or "no reason given", file.partition("/")[0], "dropped")
        for file, fix in decided.items()
        if fix.action == "drop"
    ]
    return pd.DataFrame(rows, columns=["file", "reason", "label", "kind"])


def count(left_out: pd.DataFrame, kind: str, labels: Iterable[str]) -> dict[str, int]:
    """Count the pictures of one kind, of each class."""
    of_kind = left_out.loc[left_out["kind"] == kind, "label"]
    return {label: int((of_kind == label).sum()) for label in labels}


def tell(counts: Mapping[str, Mapping[str, int]]) -> None:
    """Say what was done to the user's pictures; nothing is in silence."""
    said = {
        "left_out": f"left out, since they can't be decoded (listed in {LEFT_OUT})",
        "copies": f"left out, since another split has the same file (listed in {LEFT_OUT})",
        "dropped": f"dropped, by {CORRECTIONS}",
        "relabelled": f"put into another class, by {CORRECTIONS}",
    }
    for kind, what in said.items():
        if total := sum(counts[kind].values()):
            print(f"{total:,} pictures {what}")


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
