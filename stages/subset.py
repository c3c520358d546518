"""Split the pictures of each class into training, validation and test, as corrected by the user."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

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
from vision.runtime.text import class_name, folder_name
from vision.selection import corrections, dealing, given, groups
from vision.selection.splits import Copies, Picked, pick_all

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
RAW = Path("data/raw")
PICTURES = Path("data/pictures.csv")
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
# Groups of a class in a split, below which what is measured on them says little of others.
FEW_GROUPS = 10


class Chosen(NamedTuple):
    """The pictures of the subset.

    Attributes
    ----------
    picked : what was picked of each class.
    group_of : the group of each file that has one.
    counts : of groups, and of copies across given splits, by split or class.
    """

    picked: Mapping[str, Picked]
    group_of: Mapping[str, str]
    counts: Mapping[str, dict]


def main() -> None:
    params = load_params(PARAMS)
    index = pictures.index(RAW)
    told = given.read(PICTURES, list(index["file"]))
    found = {label: list(of_class["file"]) for label, of_class in index.groupby("label")}
    decided = corrections.read(CORRECTIONS, found)
    dark: set[str] = set()
    if params.subset.group_by == "none" and not told["split"].any():
        chosen = choose_in_order(found, decided, dark, params)
    else:
        chosen = choose_whole(found, decided, told, dark, params)
    report_train_only(chosen.picked)
    left_out = why_left_out(chosen.picked, decided)
    written = write_all(table(chosen, found), told["weight"])
    write_csv(written, PICKED)
    write_csv(left_out, LEFT_OUT)
    counts = count_all(chosen.picked, left_out, decided)
    write_json(counts | chosen.counts, METRICS)
    report(counts)
    report_dark([file for file in written["file"] if file in dark], len(written))
    draw_samples()


def wanted(params: Params) -> dict[str, int | float]:
    """Return the count or share of each split."""
    return {
        "train": params.subset.train,
        "validation": params.subset.validation,
        "test": params.subset.test,
    }


def choose_in_order(
    found: Mapping[str, Sequence[str]],
    decided: Mapping[str, corrections.Correction],
    dark: set[str],
    params: Params,
) -> Chosen:
    """Choose the first pictures of each class, picture by picture."""
    if params.subset.order == "shuffled":
        found = shuffled(found, params.seed)
    picked = pick_all(
        corrections.apply(decided, found),
        wanted(params),
        partial(why_unreadable, dark=dark),
        Copies(digest) if params.subset.leave_out_copies else None,
        params.subset.strict,
    )
    return Chosen(picked, {}, {})


def digest(file: str) -> str:
    return pictures.digest(RAW / file)


def shuffled(found: Mapping[str, Sequence[str]], seed: int) -> dict[str, list[str]]:
    """Draw the order in which the files of each class are picked."""
    drawn = {}
    for label, files in found.items():
        rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
        drawn[label] = [files[number] for number in rng.permutation(len(files))]
    return drawn


def choose_whole(
    found: Mapping[str, Sequence[str]],
    decided: Mapping[str, corrections.Correction],
    told: pd.DataFrame,
    dark: set[str],
    params: Params,
) -> Chosen:
    """Choose pictures where groups are to stay whole, or splits are given."""
    group_by = params.subset.group_by
    classes = corrections.apply(decided, found)
    hashes: dict[str, groups.Hashes] | None = {} if group_by == "copies" else None
    files = [file for of_class in classes.values() for file in of_class]
    reasons = dict(zip(files, why_unreadable(files, dark, hashes), strict=True))
    told = told[[file in reasons and reasons[file] is None for file in told.index]]
    usable = set(told.index)
    known = Copies(digest)
    group_of: dict[str, str] = {}
    if group_by != "none":
        group_of = groups.find(group_by, told, RAW.joinpath, hashes or {}, known.of)
        print(
            f"{len(group_of):,} of {len(told):,} pictures are in {len(set(group_of.values())):,} "
            f"groups, by subset.group_by = {group_by}; the others are taken one by one"
        )
    splits = {file: split for file, split in told["split"].items() if split}
    dealt = dealing.deal(
        {label: [file for file in of if file in usable] for label, of in classes.items()},
        group_of,
        splits,
        wanted(params),
        np.random.default_rng(params.seed) if params.subset.order == "shuffled" else None,
        known if params.subset.leave_out_copies else None,
        params.subset.strict,
    )
    picked = {
        label: of_class._replace(
            unusable={file: reasons[file] for file in classes[label] if file not in usable}
        )
        for label, of_class in dealt.picked.items()
    }
    counts: dict[str, dict] = {}
    if splits:
        counts["copies_across_given"] = copies = dealing.copies_across(picked, known.of)
        report_given(splits, len(told), sum(copies.values()), dealing.straddling(picked, group_of))
    if group_by != "none":
        counts["groups"] = dealing.count_groups(picked, group_of)
        report_groups(counts["groups"], dealt.missed)
    return Chosen(picked, group_of, counts)


def why_unreadable(
    files: Sequence[str], dark: set[str], hashes: dict[str, groups.Hashes] | None = None
) -> list[str | None]:
    """Return why each file can't be decoded; None where it can.

    Parameters
    ----------
    dark : takes the files of which next to nothing can be seen.
    hashes : takes the perceptual hashes of each, if they are asked for.
    """

    def look(file: str) -> str | None:
        try:
            picture = pictures.decode(RAW / file)
        except pictures.UnreadablePictureError as reason:
            return str(reason)
        if pictures.is_dark(picture):
            dark.add(file)
        if hashes is not None:
            hashes[file] = groups.perceptual_hash(picture)
        return None

    with ThreadPoolExecutor() as pool:
        reasons = pool.map(look, files)
        return list(tqdm(reasons, "decode", len(files), unit="picture", disable=None))


def table(chosen: Chosen, found: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """List the pictures that were picked: file, split, label, the name that each is to have, group.

    The group is empty where a picture is in none.
    """
    owners = corrections.owners(found)
    rows = [
        (file, split, label, corrections.name(file, label, owners), chosen.group_of.get(file, ""))
        for label, of_class in chosen.picked.items()
        for split, files in of_class.splits.items()
        for file in files
    ]
    return pd.DataFrame(rows, columns=["file", "split", "label", "name", "group"])


def write_all(chosen: pd.DataFrame, weights: pd.Series) -> pd.DataFrame:
    """Write the subset anew, and give the pictures with the names that they got.

    Parameters
    ----------
    weights : of each file of RAW, as text; empty where none is given.
    """
    named = chosen.copy()
    with replacing(SUBSET) as new:
        for (split, label), files in chosen.groupby(["split", "label"], sort=False):
            names = write(
                list(files["file"]), list(files["name"]), new, f"{split}/{folder_name(label)}"
            )
            named.loc[files.index, "name"] = names
        if weights.any():
            write_weights(named, weights, new)
    return named


def write_weights(named: pd.DataFrame, weights: pd.Series, new: Path) -> None:
    """Write what each picture counts beside others of its class, in the folder of each split."""
    places = named["label"].map(folder_name) + "/" + named["name"]
    own = named["file"].map(weights).replace("", "1")
    table = pd.DataFrame({"file": places, "weight": own})
    for split, of_split in table.groupby(named["split"]):
        write_csv(of_split, new / split / pictures.WEIGHTS)
    print(
        f"weights are given for {(weights != '').sum():,} pictures; they count where "
        "train_head.class_weight and finetune.class_weight are balanced"
    )


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
        (file, fix.reason or "no reason given", class_name(file.partition("/")[0]), "dropped")
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


def report_train_only(picked: Mapping[str, Picked]) -> None:
    """Name the classes without validation and test pictures; refuse it if one or none has some."""
    for split in pictures.SPLITS:
        seen = [label for label, of_class in picked.items() if of_class.splits[split]]
        if len(seen) < min(2, len(picked)):
            raise UserError(
                f"of {len(picked):,} classes, {' and '.join(seen) or 'none'} alone would have "
                f"pictures for {split}, which tells nothing; add pictures, or change "
                f"subset.{split} or subset.group_by"
            )
    rare = [
        label
        for label, of_class in picked.items()
        if not of_class.splits["validation"] and not of_class.splits["test"]
    ]
    if rare:
        print(
            f"{len(rare):,} classes are used for training only, for want of pictures or groups, so "
            f"that nothing tells how well they are known: {', '.join(rare)}"
        )


def report_given(splits: Mapping[str, str], of: int, copies: int, straddling: int) -> None:
    """Print what was given of splits, and what is in several of them.

    Parameters
    ----------
    of : the number of pictures.
    """
    count = Counter(splits.values())
    of_each = ", ".join(f"{count[split]:,} {split}" for split in pictures.SPLITS if count[split])
    print(f"splits are given for {len(splits):,} pictures, which stay there: {of_each}")
    if len(splits) < of and count["validation"] and count["test"]:
        print("since validation and test are given, subset.train doesn't limit the others")
    if copies or straddling:
        print(
            f"{copies:,} pictures have the same file in another split, and {straddling:,} groups "
            "are in several, as the given splits have it: what is measured on them flatters"
        )


def report_groups(
    counts: Mapping[str, Mapping[str, int]], missed: Sequence[tuple[str, str, int, int]]
) -> None:
    """Print where a class has few groups, and where whole groups make a split other than asked."""
    few = [
        f"{label} {number} in {split}"
        for split, of_split in counts.items()
        for label, number in of_split.items()
        if 0 < number < FEW_GROUPS
    ]
    if few:
        print(
            f"fewer than {FEW_GROUPS} groups of a class, so that the results depend much on which "
            f"ones these are: {', '.join(few)}"
        )
    if missed:
        of_each = ", ".join(
            f"{label} has {have:,} of {asked:,} in {split}" for label, split, have, asked in missed
        )
        print(f"since groups stay whole, splits are not as asked for: {of_each}")


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
