"""`few sort`: groups of look-alikes among unsorted pictures, for a person to name.

It is done in turns. The first groups the pictures and draws a contact sheet of each group; the user
writes a class beside each group in a table; the next turn splits the groups that are mixed, or
writes the labels of all pictures as a table beside them, which `few train` reads.
"""

import csv
import io
import math
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vision import pictures
from vision.figures.contact_sheets import contact_sheet
from vision.params import load_params
from vision.runtime.disk import replacing_file
from vision.runtime.errors import UserError
from vision.runtime.text import natural_order, some
from vision.sources import cells
from vision.sources.file_names import check_usable, is_picture, is_visible

PARAMS = Path("params.yaml")
WEIGHTS = Path("data/weights")
GROUPS, PICTURES, LABELS = "groups.csv", "pictures.csv", "labels.csv"
# What stands in place of a class.
LEAVE_OUT, MIXED = "-", "?"
# Of a group, so many are drawn.
SHOWN = 48
COLUMNS = 8
# Directions in which pictures differ most, that are compared.
COMPONENTS = 64


@dataclass
class Sorting:
    """How far the sorting is.

    Attributes
    ----------
    groups : the number of the group of each picture, by its place below the folder.
    classes : what the user says of each group: a class, LEAVE_OUT, MIXED, or nothing yet.
    """

    groups: dict[str, int]
    classes: dict[int, str]

    def members(self, group: int) -> list[str]:
        return [file for file, own in self.groups.items() if own == group]


def sort(source: Path, classes: Sequence[str], to: Path) -> None:
    """Do the next turn.

    Parameters
    ----------
    source : the folder with the pictures, in sub-folders or not.
    classes : the names that groups may be given.
    to : the folder for tables and contact sheets.

    Raises
    ------
    UserError
        There are no pictures, or what stands in the table is of no use.
    """
    if len(set(classes)) < 2:
        raise UserError("name two classes at least, such as --classes mug,glass,bowl")
    source = source.expanduser().resolve()
    files = find(source)
    if to.resolve().is_relative_to(source):
        raise UserError(f"{to} lies among the pictures of {source}; name another folder by --to")
    if (to / GROUPS).exists():
        sorting = read(to, files, classes)
    else:
        sorting = Sorting(dict.fromkeys(files, 0), {0: MIXED})
    if MIXED in sorting.classes.values():
        split(sorting, source, len(classes), to)
        write(sorting, to)
    if unnamed := [str(group) for group, name in sorting.classes.items() if not name]:
        print(
            f"Look at the contact sheets in {to}. In {to / GROUPS}, write a class beside each of "
            f"{len(unnamed)} groups ({some(unnamed)}): {', '.join(classes)}; {LEAVE_OUT} to leave "
            f"a group out, {MIXED} to have a mixed one split. Then run the same command again."
        )
        return
    write_labels(sorting, source, to)


def find(source: Path) -> list[str]:
    """List the pictures below a folder, by their places there.

    Raises
    ------
    UserError
        It is no folder, or there are too few.
    """
    if not source.is_dir():
        raise UserError(f"{source} is no folder; name the one that your pictures are in")
    below = [str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()]
    files = natural_order([name for name in below if is_picture(name) and is_visible(name)])
    check_usable(files)
    if len(files) < 4:
        raise UserError(f"{source} has {len(files)} pictures, too few to group")
    return files


# --- the tables ---


def read(folder: Path, files: Sequence[str], classes: Sequence[str]) -> Sorting:
    """Read what an earlier turn and the user wrote.

    Raises
    ------
    UserError
        It is of other pictures, or names no such class or group.
    """
    of_picture = {file: int(group) for file, group in _rows(folder / PICTURES, ("file", "group"))}
    if set(of_picture) != set(files):
        raise UserError(
            f"{folder} has groups of other pictures than there are now; move it away to begin "
            "anew, or name another folder by --to"
        )
    table = folder / GROUPS
    found: dict[int, str] = {}
    for row in _rows(table, ("group", "class")):
        group, name = map(str.strip, row)
        if not group.isdecimal() or int(group) not in of_picture.values():
            raise UserError(f"{table}: there is no group {group!r}; see {folder / PICTURES}")
        if name not in {"", LEAVE_OUT, MIXED, *classes}:
            raise UserError(
                f"{table}: group {group} is called {name!r}, which is none of --classes "
                f"({', '.join(classes)}); mend the table, or name it there"
            )
        found[int(group)] = name
    if missing := set(of_picture.values()) - set(found):
        raise UserError(f"{table}: the row of group {min(missing)} is missing; put it back")
    return Sorting({file: of_picture[file] for file in files}, found)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[list[str]]:
    """Yield these columns' cells of a table, whatever encoding and separator it was saved with."""
    rows = cells.rows(path, str(path))
    _, header = next(rows, (0, []))
    if missing := set(columns) - set(header):
        raise UserError(f"{path} has no column {min(missing)}; move it away to begin anew")
    for _, row in rows:
        told = dict(zip(header, row, strict=False))
        yield [told.get(column, "") for column in columns]


def write(sorting: Sorting, to: Path) -> None:
    """Write the tables that `read` reads."""
    counts = {group: len(sorting.members(group)) for group in sorting.classes}
    rows = [(group, counts[group], name) for group, name in sorted(sorting.classes.items())]
    _write(to / PICTURES, _table(("file", "group"), sorting.groups.items()))
    _write(to / GROUPS, _table(("group", "pictures", "class"), rows))


def write_labels(sorting: Sorting, source: Path, to: Path) -> None:
    """Write the table of labels beside the pictures; those left out are for nobody to train on.

    A copy of it in `to` tells the next turn what it wrote itself.
    """
    table = source / LABELS
    written = to / LABELS
    named = {file: sorting.classes[group] for file, group in sorting.groups.items()}
    # In the test without a label: to predict, not to learn from.
    rows = [
        (file, "", "test") if name == LEAVE_OUT else (file, name, "")
        for file, name in named.items()
    ]
    content = _table(("file", "label", "split"), rows)
    # The table is written before its copy, and may be there without it.
    own = {content, written.read_bytes() if written.exists() else content}
    if table.exists() and table.read_bytes() not in own:
        raise UserError(f"{table} is there already, with other content; move it away")
    for place in (table, written):
        _write(place, content)
    labels = [label for _, label, _ in rows if label]
    counts = ", ".join(f"{name} {labels.count(name):,}" for name in sorted(set(labels)))
    print(f"{table}: {counts}; {len(rows) - len(labels):,} left out")
    if any("/" in file for file in named):
        print(
            f"Next, set download.columns.label to label in {PARAMS}: the pictures lie in folders, "
            "which might be taken for their classes."
        )
    print(f"Next: {shlex.join(['few', 'train', str(source)])}")


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table as the content of a file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as new:
        new.write_bytes(content)


# --- the groups ---


def split(sorting: Sorting, source: Path, classes: int, to: Path) -> None:
    """Split the groups that are mixed into ones that get the next free numbers, and draw these."""
    mixed = [group for group, name in sorting.classes.items() if name == MIXED]
    files = [file for file, group in sorting.groups.items() if group in mixed]
    unreadable = _unreadable([source / file for file in files])
    readable = [file for file, why in zip(files, unreadable, strict=True) if not why]
    if not readable:
        raise UserError(
            f"none of {len(files):,} pictures can be read, such as {files[0]} ({unreadable[0]}); "
            "get them anew, or leave their groups out"
        )
    rows = dict(zip(readable, features([source / file for file in readable]), strict=True))
    if broken := [f"{file} ({why})" for file, why in zip(files, unreadable, strict=True) if why]:
        print(f"{len(broken):,} files can't be read, and are a group to leave out: {some(broken)}")
    for group in mixed:
        first = max(sorting.classes) + 1
        del sorting.classes[group]
        (to / f"{group}.png").unlink(missing_ok=True)
        members = sorting.members(group)
        own = [file for file in members if file in rows]
        if len(own) < len(members):
            sorting.groups |= dict.fromkeys(set(members) - set(own), first)
            sorting.classes[first] = LEAVE_OUT
            first += 1
        if not own:
            continue
        numbers, distances = look_alikes(np.array([rows[file] for file in own]), classes)
        for new, number in enumerate(np.unique(numbers), first):
            alike = [own[at] for at in np.argsort(distances) if numbers[at] == number]
            sorting.groups |= dict.fromkeys(alike, new)
            sorting.classes[new] = ""
            draw(to / f"{new}.png", new, alike, source)


def _unreadable(paths: Sequence[Path]) -> list[str | None]:
    with ThreadPoolExecutor() as pool:
        look = pool.map(pictures.why_unreadable, paths)
        return list(tqdm(look, "look", len(paths), unit="picture", disable=None))


def features(paths: Sequence[Path]) -> np.ndarray:
    """Return what the network of params.yaml makes of pictures, shape (pictures, features)."""
    from vision.features import extraction
    from vision.models.engine import Engine
    from vision.networks import determinism
    from vision.networks.extractor import build_extractor

    params = load_params(PARAMS)
    determinism.enable()
    network = Engine(build_extractor(params.backbone, WEIGHTS))
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "sort.npy"
        extraction.write(network, paths, rows, params.store.max_gb)
        return np.load(rows)


def look_alikes(rows: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Group rows of features by k-means, on their principal components.

    There are three groups of each class, or the square root of the rows, whichever is more: pure
    ones are worth more than few, and are named as fast.

    Parameters
    ----------
    rows : shape (pictures, features).

    Returns
    -------
    The number of each row's group, from 0 on, and its distance to the group's mean.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler, normalize

    groups = max(3 * classes, round(math.sqrt(len(rows))))
    groups = max(1, min(groups, len(rows) // 2))
    if groups == 1:
        return np.zeros(len(rows), int), np.zeros(len(rows))
    scaled = normalize(StandardScaler().fit_transform(rows.astype(np.float64)))
    parts = PCA(min(COMPONENTS, *scaled.shape), random_state=0).fit_transform(scaled)
    fitted = KMeans(groups, n_init=10, random_state=0).fit(parts)
    distances = np.linalg.norm(parts - fitted.cluster_centers_[fitted.labels_], axis=1)
    return fitted.labels_, distances


def draw(to: Path, group: int, files: Sequence[str], source: Path) -> None:
    """Draw a contact sheet of a group, from what is most like the others to what is least."""
    chosen = sorted({round(at) for at in np.linspace(0, len(files) - 1, min(SHOWN, len(files)))})
    shown = [files[at] for at in chosen]
    to.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(
        to,
        f"group {group}: {len(shown)} of {len(files):,} pictures",
        (pictures.decode(source / file) for file in shown),
        shown,
        COLUMNS,
    )
