"""What of the project benchmarks take: copies to run in, and pictures to run on."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.dvc_command import dvc
from tools.experiment import set_params

ROOT = Path(__file__).parents[1]
# In it, or in a copy.
PARAMS = Path("params.yaml")
WEIGHTS = Path("data/weights")
SUBSET = Path("data/subset")
# Nobody need have told git who they are.
GIT = ("git", "-c", "user.name=benchmarks", "-c", "user.email=benchmarks@localhost")


def clone(to: Path, params: Mapping[str, object]) -> Path:
    """Clone the project as it is committed, with nothing run, and set some parameters."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(to)], check=True)
    for file in (ROOT / "data/weights").glob("*.h5"):
        shutil.copy(file, to / "data/weights")
    # What DVC keeps of a project beside it shall go with the folder, too.
    dvc("config", "--local", "core.site_cache_dir", str(to.parent / "site"), folder=to)
    set_params(to / PARAMS, params)
    return to


def copy_of_run(to: Path) -> Path:
    """Clone the project with what its last run wrote, from DVC's cache, and its sources.

    It is committed there, so that `git reset --hard` and `dvc checkout` bring it back.
    """
    clone(to, {})
    for name in ("params.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, to)
    for name in ("data/external", "metrics", "plots"):
        shutil.copytree(ROOT / name, to / name, dirs_exist_ok=True)
    dvc("config", "--local", "cache.dir", str(ROOT / ".dvc/cache"), folder=to)
    dvc("checkout", "--quiet", folder=to)
    dvc("repro", "--quiet", folder=to)  # nothing, unless the code has changed since
    for command in (
        ["git", "add", "--all"],
        [*GIT, "commit", "--quiet", "--allow-empty", "--message", "the last run"],
    ):
        subprocess.run(command, cwd=to, check=True)
    return to


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack an archive as the pipeline does, into a folder for each class; return their folder."""
    from vision.sources.entries import Bounds
    from vision.sources.unpack import unpack

    source, to = folder / "source", folder / "unpacked"
    for made in (source, to):
        made.mkdir()
    (source / archive.name).symlink_to(archive.absolute())
    unpack(source, to, Bounds(files=1_000_000, gb=100))
    return to


def lay_out(source: Path, to: Path, most: int) -> None:
    """Link the first pictures of each class."""
    from vision import pictures

    index = pictures.index(source)
    for file in index.groupby("label")["file"].head(most):
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        (to / file).symlink_to((source / file).resolve())
