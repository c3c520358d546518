"""Split the pictures of each class into training, validation and test, as corrected by the user."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from vision import pictures
from vision.figures.contact_sheets import contact_sheet
from vision.params import Params, load_params
from vision.runtime.disk import replacing
from vision.runtime.errors import UserError
from vision.runtime.files import write_csv, write_json
from vision.runtime.program import run
from vision.selection import corrections
from vision.selection.splits import Copies, Picked, pick_all

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
# Of the pictures that are picked; the audit tells of fewer.
MANY_DARK = 0.2


def main() -> None:
    params = load_params(PARAMS)
    found = find(params)
    decided = corrections.read(CORRECTIONS, found)
    dark: set[str] = set()
    wanted = {
        "train": params.subset.train,
        "validation": params.subset.validation,
        "test": params.subset.test,
    }
    known = Copies(lambda file: pictures.digest(RAW / file))
    picked = pick_all(
        corrections.apply(decided, found),
        wanted,
        partial(why_unreadable, dark=dark),
        known if params.subset.leave_out_copies else None,
    )
    left_out = why_left_out(picked, decided)
    chosen = write_all(table(picked, found))
    write_csv(chosen, PICKED)
    write_csv(left_out, LEFT_OUT)
    counts = count_all(picked, left_out, decided)
    write_json(counts, METRICS)
    report(counts)
    report_dark([file for file in chosen["file"] if file in dark], len(chosen))
    draw_samples()


def find(params: Params) -> dict[str, list[str]]:
    """List the files of each class, in the order in which they are picked."""
    found = {}
    for label, index in pictures.index(RAW).groupby("label"):
        files = list(index["file"])
        if params.subset.order == "shuffled":
            rng = np.random.default_rng([params.seed, zlib.crc32(label.encode())])
            files = [files[number] for number in rng.permutation(len(files))]
        found[label] = files
    return found


def why_unreadable(files: Sequence[str], dark: set[str]) -> list[str | None]:
    """Return why each file can't be decoded; None where it can.

    Parameters
    ----------
    dark : takes the files of which next to nothing can be seen.
    """

    def look(file: str) -> str | None:
        try:
            picture = pictures.decode(RAW / file)
        except pictures.UnreadablePictureError as reason:
            return str(reason)
        if pictures.is_dark(picture):
            dark.add(file)
        return None

    with ThreadPoolExecutor() as pool:
        reasons = pool.map(look, files)
        return list(tqdm(reasons, "decode", len(files), unit="picture", disable=None))


def table(picked: Mapping[str, Picked], found: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """List the pictures that were picked: file, split, label, and the name that each is to have."""
    owners = corrections.owners(found)
    rows = [
        (file, split, label, corrections.name(file, label, owners))
        for label, of_class in picked.items()
        for split, files in of_class.splits.items()
        for file in files
    ]
    return pd.DataFrame(rows, columns=["file", "split", "label", "name"])


def write_all(chosen: pd.DataFrame) -> pd.DataFrame:
    """Write the subset anew, and give the pictures with the names that they got."""
    named = chosen.copy()
    with replacing(SUBSET) as new:
        for (split, label), files in chosen.groupby(["split", "label"], sort=False):
            names = write(list(files["file"]), list(files["name"]), new, f"{split}/{label}")
            named.loc[files.index, "name"] = names
    return named


def write(files: Sequence[str], names: Sequence[str], new: Path, place: str) -> list[str]:
    """Copy pictures into a folder of the new subset, in a form that every reader reads alike.

    Returns
    -------
    Their names there: not the ones given, of those that were written in another format, or whose
    names are too long.
    """
    folder = new / place
    folder.mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        sources = [RAW / file for file in files]
        written = pool.map(pictures.write_plain, sources, repeat(folder), names)
        try:
            return list(
                tqdm(written, str(SUBSET / place), len(files), unit="picture", disable=None)
            )
        except FileExistsError as error:
            raise UserError(
                f"two pictures would both be {SUBSET / place / Path(error.filename).name}, since "
                "some get another suffix added to their names; rename one of them"
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


def count_all(
    picked: Mapping[str, Picked],
    left_out: pd.DataFrame,
    decided: Mapping[str, corrections.Correction],
) -> dict[str, dict[str, int]]:
    """Count the pictures of each class, by split and by what was done to them."""
    left = Counter(zip(left_out["kind"], left_out["label"], strict=True))
    left.update(("relabelled", fix.label) for fix in decided.values() if fix.action == "relabel")
    kinds = {"left_out": "broken", "copies": "copy"}
    kinds |= {"dropped": "dropped", "relabelled": "relabelled"}
    return {
        split: {label: len(of_class.splits[split]) for label, of_class in picked.items()}
        for split in pictures.SPLITS
    } | {name: {label: left[kind, label] for label in picked} for name, kind in kinds.items()}


def report(counts: Mapping[str, Mapping[str, int]]) -> None:
    """Print what was done to the user's pictures."""
    done = {
        "left_out": f"left out, since they can't be decoded (listed in {LEFT_OUT})",
        "copies": f"left out, since another split has the same file (listed in {LEFT_OUT})",
        "dropped": f"dropped, by {CORRECTIONS}",
        "relabelled": f"put into another class, by {CORRECTIONS}",
    }
    for kind, what in done.items():
        if total := sum(counts[kind].values()):
            print(f"{total:,} pictures {what}")


def report_dark(dark: Sequence[str], of: int) -> None:
    """Print it if many pictures are all but black."""
    if len(dark) > MANY_DARK * of:
        print(
            f"{len(dark):,} of {of:,} pictures are so dark that next to nothing can be seen, as "
            f"{dark[0]} is; of 16-bit files the upper 8 count: scale them up before if they hold "
            "fewer, as those of many cameras do"
        )


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
    contact_sheet(
        SAMPLES,
        f"{len(shown)} of {len(index):,} training pictures, at their own shapes",
        (pictures.decode(SUBSET / "train" / file) for file in shown),
        list(shown),
        SAMPLE_COLUMNS,
    )


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
