"""Draws where a model saw what it says of a picture, and writes that beside the predictions."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from serving.classifier import Classifier, Prediction, Unread, what_failed
from serving.gradcam import GradCam
from vision import pictures
from vision.runtime.errors import UserError
from vision.runtime.files import make_room

if TYPE_CHECKING:
    import keras

# So many pictures are held at a time.
_BATCH_SIZE = 16
# Drawings are at most so high and wide, in pixels: the heat is far coarser.
_LARGEST = 1024


class Explainer:
    """Explains a classifier: draws the heat of what speaks for a class (Grad-CAM).

    Parameters
    ----------
    network : its Keras form, as `GradCam` takes it.
    classes : their names, in the order of the probabilities.
    mirror : whether the mirror image counts as much as the picture.
    """

    def __init__(self, network: "keras.Model", classes: Sequence[str], mirror: bool):
        self._gradcam = GradCam(network)
        self._classes = classes
        self._mirror = mirror

    @classmethod
    def from_classifier(cls, model: Classifier) -> "Explainer":
        """Load the Keras form of a classifier, which takes some seconds."""
        return cls(model.keras_model(), model.classes, model.calibration.mirror)

    def draw(self, decoded: Sequence[Image.Image], labels: Sequence[str]) -> list[Image.Image]:
        """Draw RGB pictures, each with the heat of what speaks for the class of a name."""
        classes = [self._classes.index(label) for label in labels]
        return self._gradcam.overlays(decoded, classes, self._mirror)


def decode(path: Path) -> Image.Image:
    """Decode a picture, and leave no more of it than is drawn: some are held at a time."""
    picture = pictures.decode(path, _LARGEST)
    picture.thumbnail((_LARGEST, _LARGEST))
    return picture


def write_all(
    model: Classifier, results: Iterable[Prediction | Unread], to: Path
) -> Iterator[Prediction | Unread]:
    """Write a drawing of each picture with the heat of what speaks for its class.

    Yields
    ------
    The results, in order; a picture that can't be read any more is Unread by then.
    """
    explainer = Explainer.from_classifier(model)
    results = iter(results)
    while batch := list(islice(results, _BATCH_SIZE)):
        explained, decoded = [], []
        for number, result in enumerate(batch):
            if isinstance(result, Prediction):
                try:
                    decoded.append(decode(Path(result.file)))
                    explained.append(result)
                except (pictures.UnreadablePictureError, OSError) as error:
                    batch[number] = Unread(result.file, what_failed(error))
        if explained:
            drawn = explainer.draw(decoded, [result.label for result in explained])
            for result, drawing in zip(explained, drawn, strict=True):
                path = place(result.file, to)
                make_room(path)
                drawing.save(path)
        yield from batch


def place(file: str, to: Path) -> Path:
    """Return where in a folder the drawing of a file belongs: where the file is, below the folder.

    A file outside of the working folder has all its path there.
    """
    path = Path(os.path.abspath(file))  # noqa: PTH100  a link keeps the name that it has here
    inside = path.is_relative_to(Path.cwd())
    below = path.relative_to(Path.cwd() if inside else path.anchor)
    return to / below.with_name(below.name + ".png")


def refuse_place(paths: Iterable[str], to: Path) -> None:
    """Raise a UserError if drawings would come to lie among the pictures, or `to` is a file."""
    if to.exists() and not to.is_dir():
        raise UserError(f"{to} is a file; name a folder by --to, which need not be there yet")
    for path in paths:
        if Path(path).is_dir() and to.resolve().is_relative_to(Path(path).resolve()):
            raise UserError(
                f"drawings in {to} would lie among the pictures of {path}; "
                "name a folder outside of it by --to"
            )
