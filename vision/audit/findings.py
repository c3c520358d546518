"""Tables of the audit's findings, and their ranking for review."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest

import numpy as np
import pandas as pd

from vision.audit import missed
from vision.audit.copies import Pairs
from vision.audit.oddities import Oddity
from vision.selection.groups import Moment

# Of a finding. `score` is comparable within a kind only: the higher, the worse.
COLUMNS = ["file", "split", "label", "kind", "score", "conflicts_with", "action", "reason"]

# Pictures of one moment, taken by one camera, in different splits.
MOMENT = "same moment"

# What so many of the pictures have is no oddity of one, but how the set is.
_COMMON = 0.05
# Severe from here on: there's little to be learnt from such a picture.
_SEVERE = 0.5


def of_labels(
    pictures: pd.DataFrame,
    classes: list[str],
    probabilities: np.ndarray,
    quality: np.ndarray,
    confident: np.ndarray,
    least: int,
) -> pd.DataFrame:
    """List pictures whose label is doubtful, the most doubtful first.

    Those are the ones of which confident learning says so, the ones of which another class is
    likelier, and in any case the `least` worst.

    Parameters
    ----------
    pictures : file, split and label, a row each.
    classes : by the columns of `probabilities`, out of fold.
    quality, confident : as `vision.audit.labels` gives them.
    """
    order = np.argsort(quality, kind="stable")
    doubtful = confident | (quality < 0.5)
    doubtful[order[:least]] = True
    rows = []
    for number in order[doubtful[order]]:
        likeliest = classes[int(probabilities[number].argmax())]
        label = pictures["label"].iat[number]
        own = probabilities[number, classes.index(label)]
        action, reason = "look", f"{label} has probability {own:.2f}"
        if likeliest != label:
            action = f"relabel {likeliest}"
            reason += f", {likeliest} {probabilities[number].max():.2f}"
        rows.append(_row(pictures, number, "label", 1 - quality[number], action, reason))
    return _table(rows)


def of_outliers(
    pictures: pd.DataFrame, distances: np.ndarray, fence: float, least: int
) -> pd.DataFrame:
    """List pictures that are like no others, the least alike first.

    Those are the ones beyond the fence, and in any case the `least` farthest. They may be bad, or
    rare and good, as animals behind bars are.
    """
    order = np.argsort(-distances, kind="stable")
    count = max(least, int((distances > fence).sum()))
    rows = []
    for number in order[:count]:
        distance = distances[number]
        reason = f"it is {distance:.1f} times as unlike the others as most are"
        rows.append(
            _row(pictures, number, "outlier", distance, "look", reason)
            | {"beyond_fence": distance > fence}
        )
    return _table(rows, [*COLUMNS, "beyond_fence"])


def of_copies(pictures: pd.DataFrame, pairs: Pairs, quality: np.ndarray) -> pd.DataFrame:
    """List copies: first those whose labels disagree, then across splits, then all others.

    Of a pair, the finding is the one whose label is more doubtful where labels disagree, the
    one that was trained on where splits differ, and the later one otherwise. Each picture is
    listed once, with the copy that matters most: of a burst, all are copies of all others.
    """
    splits, labels = pictures["split"].to_numpy(), pictures["label"].to_numpy()
    earlier, later, equal, similarity = pairs
    disagree = labels[earlier] != labels[later]
    across = (splits[earlier] != splits[later]) & (splits[earlier] != "") & (splits[later] != "")
    turned = np.where(
        disagree, quality[earlier] < quality[later], across & (splits[earlier] == "train")
    )
    ones, others = np.where(turned, [earlier, later], [later, earlier])
    order = np.lexsort((-similarity, ~across, ~disagree))
    _, first = np.unique(ones[order], return_index=True)
    rows = []
    for pair in order[np.sort(first)]:
        one, other = ones[pair], others[pair]
        reason = "the same file"
        if not equal[pair]:
            reason = f"nearly the same picture, cosine {similarity[pair]:.2f}"
        if disagree[pair]:
            reason += f", labelled {labels[other]} there"
        if across[pair]:
            reason += f", in {splits[other]}"
        elif splits[other] == "":
            reason += ", left out"
        if not disagree[pair]:
            action = "drop" if across[pair] else "keep one"
        else:
            action = f"relabel {labels[other]}" if quality[one] < 0.5 else "look"
        kind = "equal copy" if equal[pair] else "near copy"
        copied = pictures["file"].iat[other]
        rows.append(
            _row(pictures, one, kind, similarity[pair], action, reason, copied)
            | {"labels_disagree": disagree[pair], "across_splits": across[pair]}
        )
    return _table(rows, [*COLUMNS, "labels_disagree", "across_splits"])


def of_moments(pictures: pd.DataFrame, moments: Sequence[Moment | None]) -> pd.DataFrame:
    """List pictures that a camera took right before or after one of an earlier split.

    A validation picture is listed with the nearest training picture, and a test picture with the
    nearest of either; those nearest in time first.

    Parameters
    ----------
    pictures : file, split and label, a row each.
    moments : when each was taken, where its file says it.
    """
    splits = pictures["split"].to_numpy()
    train, validation, test = (
        np.flatnonzero(splits == split) for split in ("train", "validation", "test")
    )
    beside = missed.nearest(moments, validation, train)
    beside |= missed.nearest(moments, test, np.concatenate([train, validation]))
    rows = []
    for number, (seconds, other) in sorted(beside.items(), key=lambda item: item[1]):
        of_other = pictures.iloc[other]
        reason = f"taken by the same camera within {seconds:.3g} s of the other"
        reason += f", in {of_other['split']}"
        score = 1 - seconds / (2 * missed.SECONDS)
        rows.append(_row(pictures, number, MOMENT, score, "group", reason, of_other["file"]))
    return _table(rows)


def of_oddities(pictures: pd.DataFrame, oddities: Iterable[list[Oddity]]) -> pd.DataFrame:
    """List odd files, the most severe first."""
    rows = []
    for number, found in enumerate(oddities):
        left_out = pictures["split"].iat[number] == ""
        for kind, severity, reason in found:
            action = "look" if severity >= _SEVERE else "none"
            action = "none: it is left out" if left_out else action
            rows.append(_row(pictures, number, kind, severity, action, reason))
    return _table(rows).sort_values("score", ascending=False, kind="stable", ignore_index=True)


def ranked(
    labels: pd.DataFrame,
    outliers: pd.DataFrame,
    copies: pd.DataFrame,
    moments: pd.DataFrame,
    odd: pd.DataFrame,
    of: int,
) -> pd.DataFrame:
    """Put all findings into one order, in which the first ones matter most.

    First come copies whose labels disagree, of which one is wrong for certain. Then doubtful
    labels, outliers, severe oddities and copies across splits take turns, each kind worst first:
    scores of different kinds can't be compared, while its place among its own kind can. Pictures of
    one moment in different splits follow, which are mended all at once. Last come findings that do
    no harm, what has been left out already among them. A picture that is a doubtful label and an
    outlier counts once, where it comes first.

    Parameters
    ----------
    of : the number of pictures that were audited.
    """
    common = odd["kind"].map(odd["kind"].value_counts()) > _COMMON * of
    severe = (odd["score"] >= _SEVERE) & (odd["split"] != "") & ~common
    across, disagree = copies["across_splits"], copies["labels_disagree"]
    turns = map(_records, (labels, outliers, odd[severe], copies[across & ~disagree]))
    rows = [
        *_records(copies[disagree]),
        *(row for turn in zip_longest(*turns) for row in turn if row),
        *_records(moments),
        *_records(copies[~across & ~disagree]),
        *_records(odd[~severe]),
    ]
    merged: list[dict] = []
    suspected: dict[str, dict] = {}
    for row in rows:
        if row["kind"] in ("label", "outlier"):
            first = suspected.setdefault(row["file"], row)
            if first is not row:
                first["reason"] += f"; also {row['kind']}: {row['reason']}"
                continue
        merged.append(row)
    table = _table(merged)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def _records(table: pd.DataFrame) -> list[dict]:
    return table[COLUMNS].to_dict("records")


def _row(
    pictures: pd.DataFrame,
    number: int,
    kind: str,
    score: float,
    action: str,
    reason: str,
    conflicts_with: str = "",
) -> dict[str, object]:
    return pictures.iloc[number][["file", "split", "label"]].to_dict() | {
        "kind": kind,
        "score": float(score),
        "conflicts_with": conflicts_with,
        "action": action,
        "reason": reason,
    }


def _table(rows: Iterable[dict], columns: list[str] = COLUMNS) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=columns)
    flags = [name for name in columns if name not in COLUMNS]
    return table.astype(dict.fromkeys(flags, bool) | {"score": float})
