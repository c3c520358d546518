"""Measures what DVC's ways to link files cost, and what many small files do against one.

    python -m benchmarks.storage

After a run. Its training pictures, copied to so many, lie in a project of their own: `commit`
hashes them and puts them into the cache; `checkout` brings them back where they are gone; `read`
reads every one once, in this process, and decodes nothing.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tabulate import tabulate

from benchmarks.growth import write_archive
from benchmarks.project import dvc

COUNT = 4_000
TURNS = 3
LINKS = ("reflink,copy", "hardlink", "symlink")
FOLDER, ARCHIVE = "a folder", "one archive"


def report() -> Iterator[str]:
    """Measure all ways, and give a table."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for turn in range(TURNS):
        for form in (FOLDER, ARCHIVE):
            for link in LINKS:
                print(f"benchmarks.storage: {form}, {link}, turn {turn + 1}", file=sys.stderr)
                found.setdefault((form, link), []).append(measure(form, link))
    rows = [
        [form, link, *(median(column) for column in zip(*turns, strict=True))]
        for (form, link), turns in found.items()
    ]
    header = [f"{COUNT:,} pictures in", "cache.type"]
    header += ["commit, s", "checkout, s", "read, s", "disk, MB"]
    yield tabulate(rows, header, tablefmt="github", floatfmt=("", "", ".1f", ".1f", ".2f", ".0f"))


def measure(form: str, link: str) -> list[float]:
    """Give the seconds of `dvc commit`, of `dvc checkout` and of reading, and the disk in MB."""
    with tempfile.TemporaryDirectory() as parent:
        project = Path(parent)
        subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
        dvc(project, "init", "--quiet")
        dvc(project, "config", "cache.type", link)
        dvc(project, "config", "--local", "cache.dir", str(project / "cache"))
        dvc(project, "config", "--local", "core.site_cache_dir", str(project / "site"))
        archive = project / "pictures.zip"
        write_archive(COUNT, archive)
        pictures = project / "pictures"
        pictures.mkdir()
        if form == FOLDER:
            with zipfile.ZipFile(archive) as content:
                content.extractall(pictures)
            archive.unlink()
        else:
            archive.rename(pictures / archive.name)
        (project / "dvc.yaml").write_text("stages: {keep: {cmd: 'true', outs: [pictures]}}\n")
        commit = timed(project, "commit", "--force", "--quiet")
        disk = used(project / "cache") + used(pictures)
        shutil.rmtree(pictures)
        checkout = timed(project, "checkout", "--quiet")
        start = time.perf_counter()
        read(pictures)
        return [commit, checkout, time.perf_counter() - start, disk]


def timed(folder: Path, *arguments: str) -> float:
    start = time.perf_counter()
    dvc(folder, *arguments)
    return time.perf_counter() - start


def read(folder: Path) -> None:
    """Read every picture of a folder, in it or in archives in it."""
    for path in folder.rglob("*"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    archive.read(name)
        elif path.is_file():
            path.read_bytes()


def used(folder: Path) -> float:
    """Give the disk that a folder's files take, in MB; a file with several names counts once for
    each folder, and not at all where it is in the cache too.
    """
    files = [path.lstat() for path in folder.rglob("*") if path.is_file()]
    return sum(file.st_blocks * 512 / file.st_nlink for file in files) / 1e6


if __name__ == "__main__":
    print(*report())
