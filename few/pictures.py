"""Brings the user's own pictures into data/external, whatever folder or archive they lie in."""

import json
import shlex
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tools.dvc_command import dvc
from vision.params import Download
from vision.runtime.disk import replacing_file
from vision.runtime.errors import UserError
from vision.runtime.text import class_name, composed, shown
from vision.sources import external, unpack
from vision.sources.entries import Bounds
from vision.sources.file_names import ARCHIVES, is_archive, listed
from vision.sources.links import check_links
from vision.sources.rules import Rules

EXTERNAL = Path("data/external")
# Of the smallest class; with fewer, some split would get none.
LEAST = 4
# So many times larger, and the largest class decides what the accuracy says.
UNBALANCED = 4


@dataclass(frozen=True)
class Found:
    """Pictures that can be used.

    Attributes
    ----------
    source : the folder or archive that they are in, as an absolute path without links.
    classes : the number of pictures of each class.
    files : what is to be copied, by its place below data/external.
    left_out : the names of other files.
    splits : those that others have put pictures in, which stay there.
    said : what else there is to tell, in lines.
    """

    source: Path
    classes: Mapping[str, int]
    files: Mapping[Path, Path]
    left_out: list[str]
    splits: Collection[str] = ()
    said: Sequence[str] = ()

    def shares(self) -> dict[str, float]:
        """Return the shares of the pictures that suit their number, by the parameters' names.

        The smallest class decides, since of that one least is known in the end; each class keeps
        its own size, and is split by the same shares.

        ==============  ==================  =====================================================
        smallest class  train, val., test   why
        ==============  ==================  =====================================================
        4 to 39         0.5,  0.25,  0.25   Of 12, 3 to choose the best epoch by, and 3 for the
                                            test: fewer would neither choose nor tell anything.
        40 to 199       0.6,  0.2,   0.2    Of 60, 12 for the test: with three classes, an
                                            accuracy of 90 % to within about 10 points.
        200 to 999      0.7,  0.15,  0.15   30 to 150 for the test: to within 3 to 6 points.
        1000 and more   0.8,  0.1,   0.1    100 or more for the test: to within 3 points or
                                            fewer; the rest is better trained on.
        ==============  ==================  =====================================================

        Where others have split the pictures, only what they left open has shares: those of the
        training pictures that make up a missing split.
        """
        smallest = min(self.classes.values())
        steps = {1000: (0.8, 0.1), 200: (0.7, 0.15), 40: (0.6, 0.2), 0: (0.5, 0.25)}
        train, rest = next(shares for least, shares in steps.items() if smallest >= least)
        if not self.splits:
            return {"subset.train": train, "subset.validation": rest, "subset.test": rest}
        cut = [split for split in ("validation", "test") if split not in self.splits]
        shares = {f"subset.{split}": rest for split in cut}
        if shares:
            shares["subset.train"] = round(1 - rest * len(cut), 2)
        return shares

    def described(self) -> str:
        """Tell what was found, and what there is to mind about it."""
        counts = ", ".join(f"{shown(label)} {count:,}" for label, count in self.classes.items())
        lines = [f"{self.source}: {sum(self.classes.values()):,} pictures, {counts}"]
        lines += self.said
        if self.left_out:
            lines.append(
                f"{len(self.left_out):,} files left out, since they are no pictures: "
                f"{listed(self.left_out)}"
            )
        (most, largest), *_, (least, smallest) = Counter(self.classes).most_common()
        if largest >= UNBALANCED * smallest:
            lines.append(
                f"There are many more of {shown(most)} than of {shown(least)}: whoever always says "
                f"{shown(most)} is right on {largest / sum(self.classes.values()):.0%}. Read each "
                "class's own figures in the report."
            )
        return "\n".join(lines)


def look(given: Path, download: Download) -> Found:
    """Find the pictures in a folder or an archive, and their classes, as the pipeline will.

    Raises
    ------
    UserError
        It can't be used; nothing was changed.
    """
    source = given.expanduser().resolve()
    if not source.exists():
        raise UserError(f"{given} doesn't exist; name a folder with one sub-folder for each class")
    if not source.is_dir() and not is_archive(source.name):
        raise UserError(
            f"{given} is neither a folder nor an archive that can be read ({', '.join(ARCHIVES)})"
        )
    if Path.cwd().is_relative_to(source) or source.is_relative_to(EXTERNAL.resolve()):
        raise UserError(
            f"{given} holds the project's own files, or lies in {EXTERNAL}, where `few train` puts "
            "what it is given; name the folder that your pictures come from, or none to go on "
            "with those that are there"
        )
    if source.is_dir():
        check_links(source)
    above = f"{composed(source.name)}/" if source.is_dir() else ""
    bounds = Bounds(download.max_files, download.max_gb)
    rules = Rules.of(download)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            layout = unpack.look(source, Path(scratch), bounds, rules, above)
    except UserError as error:
        raise UserError(f"in {source.parent}: {error}") from None
    files = {Path(source.name): source}
    if source.is_dir():
        below = {composed(str(path.relative_to(source.parent))): path for path in _files(source)}
        used = [*layout.places, *layout.unlabelled, *layout.tables]
        if packed := [name for name in used if name not in below]:
            raise UserError(
                f"{source} holds an archive with pictures in it, such as {shown(packed[0])}; "
                "unpack it there, or name the archive alone"
            )
        files = {below[name].relative_to(source.parent): below[name] for name in used}
    classes = Counter(class_name(folder) for folder, _ in layout.places.values())
    for label, count in sorted(classes.items()):
        if count < LEAST:
            raise UserError(
                f"class {shown(label)} has only {count} pictures; each class needs {LEAST} at "
                "least, and 20 for a figure that tells anything"
            )
    splits = {given.split for given in layout.given.values()} - {""}
    said = [*layout.said, *external.to_predict(layout.unlabelled, source.parent)]
    return Found(source, dict(sorted(classes.items())), files, layout.left_out, splits, said)


def _files(path: Path) -> list[Path]:
    """List the files below a folder; of a file, itself."""
    return [file for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]


def bring_in(found: Found) -> None:
    """Put the pictures in place of those in data/external, and track them with DVC and git.

    They are copied, never linked: DVC may link its cache to what it is given, and make that
    read-only. What is there already is not copied again.

    Raises
    ------
    UserError
        Something there would be lost.
    """
    place = EXTERNAL / found.source.name
    there = [path for path in sorted(EXTERNAL.iterdir()) if not _is_own(path.name)]
    for path in there:
        _refuse_loss(path, found)
    for path in there:
        if path != place and Path(f"{path}.dvc").exists():
            _dvc("remove", f"{path}.dvc")
        _remove_others(path, found)
    for name, file in tqdm(found.files.items(), "copy", unit=" files", disable=None):
        _copy(file, EXTERNAL / name)
    _dvc("add", str(place))
    git = ["git", "add", f"{place}.dvc"]  # else the experiments of a queue don't see them
    print(f"$ {shlex.join(git)}", flush=True)
    subprocess.run(git, check=False)


def _is_own(name: str) -> bool:
    """Check whether the project itself, `dvc add` or the system keeps that there."""
    return name == "README.md" or name.startswith(".") or name.endswith(".dvc")


def _refuse_loss(path: Path, found: Found) -> None:
    """Raise a UserError where files would go that neither the new pictures nor DVC's cache has."""
    if all(file.relative_to(EXTERNAL) in found.files for file in _files(path)):
        return
    tracked = Path(f"{path}.dvc")
    if not tracked.exists() or json.loads(dvc("status", "--json", str(tracked))):
        raise UserError(
            f"{path} would be replaced, and DVC doesn't have it as it is; move it away, or let "
            f"DVC keep it by `dvc add {path}`"
        )


def _remove_others(path: Path, found: Found) -> None:
    """Remove what is not among the new pictures, and folders that are empty then."""
    for file in _files(path):
        if file.relative_to(EXTERNAL) not in found.files:
            file.unlink()
    folders = [path, *path.rglob("*")] if path.is_dir() else []
    for folder in sorted((each for each in folders if each.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def _copy(file: Path, to: Path) -> None:
    """Copy a file, unless its copy is there already: of the same size, and no older."""
    new = file.stat()
    if to.is_file():
        old = to.stat()
        if old.st_size == new.st_size and old.st_mtime_ns >= new.st_mtime_ns:
            return
    with replacing_file(to) as copy:
        shutil.copyfile(file, copy)


def _dvc(*arguments: str) -> None:
    """Show a command of dvc's, and run it."""
    print(f"$ dvc {shlex.join(arguments)}", flush=True)
    dvc(*arguments)
