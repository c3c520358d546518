"""What of the project benchmarks take, and the pictures that they run on."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
# In it, or in a copy.
PARAMS = Path("params.yaml")
WEIGHTS = Path("data/weights")
SUBSET = Path("data/subset")
FEATURES = Path("data/features/validation.npy")


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack an archive as the pipeline does, into a folder for each class; give their folder."""
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
