"""The final model, ready to classify pictures: from the workspace, a revision, or a bundle.

It runs in LiteRT, so that nobody waits for TensorFlow; `keras_model` loads the Keras form, for
gradients.
"""

import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vision.models.calibration import Calibration
from vision.models.description import Description, class_probabilities
from vision.models.litert import Network
from vision.runtime.errors import UserError

if TYPE_CHECKING:
    import keras

# What the pipeline writes, and how it is called in a bundle.
FILES = {
    "model.keras": Path("models/finetuned.keras"),
    "model.tflite": Path("models/finetuned.tflite"),
    "model.json": Path("models/finetuned.json"),
    "calibration.json": Path("models/calibration.json"),
}

# Returns the content of one of FILES by its name there; raises a UserError where it can't.
Reader = Callable[[str], bytes]


@dataclass(frozen=True)
class Prediction:
    """The prediction of one picture.

    Attributes
    ----------
    file : as it was named.
    label : the most probable class.
    probability : of that class, calibrated, 0 to 1.
    unsure : whether that is too little to rely on.
    probabilities : of each class, calibrated, in the order of the classes.
    """

    file: str
    label: str
    probability: float
    unsure: bool
    probabilities: np.ndarray


@dataclass(frozen=True)
class Unread:
    """A file that is no picture, or can't be read, and why."""

    file: str
    reason: str


def what_failed(error: Exception) -> str:
    """Return why a file can't be read, without its name, which stands beside it."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)


@dataclass(frozen=True)
class Classifier:
    """Returns the calibrated probability of each class.

    Attributes
    ----------
    description : of the model: its classes and its image size.
    calibration : how its probabilities are to be used.
    network : the model itself, in LiteRT's form: pictures in, its own outputs out.
    """

    description: Description
    calibration: Calibration
    network: Network
    _read: Reader

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the probabilities."""
        return self.description.classes

    @property
    def image_size(self) -> int:
        """Height and width of the pictures, in pixels."""
        return self.description.image_size

    def probabilities(self, batch: np.ndarray) -> np.ndarray:
        """Classify pictures. Any number of threads may do so at once.

        Parameters
        ----------
        batch : RGB values 0-255, of any type, shape (pictures, size, size, 3), as
            `vision.pictures.load_batch` returns them.

        Returns
        -------
        Calibrated probabilities, float64, shape (pictures, classes); rows add up to 1.
        """
        return self.combined([self.network(view) for view in self.views(batch)])

    def predict(self, file: str, batch: np.ndarray) -> Prediction:
        """Classify the picture of a file, as a batch of one."""
        each = self.probabilities(batch)
        best = int(each[0].argmax())
        unsure = bool(self.is_unsure(each)[0])
        return Prediction(file, self.classes[best], float(each[0, best]), unsure, each[0])

    def views(self, batch: np.ndarray) -> list[np.ndarray]:
        """Return the pictures, and their mirror images where those count as well."""
        return [batch, batch[:, :, ::-1]] if self.calibration.mirror else [batch]

    def combined(self, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Return the calibrated probabilities from the model's own outputs for each of `views`."""
        return self.calibration.apply(np.mean([*map(class_probabilities, outputs)], axis=0))

    def is_unsure(self, probabilities: np.ndarray) -> np.ndarray:
        """Check which rows of probabilities are too unsure to rely on: bool, shape (pictures,)."""
        return self.calibration.is_unsure(probabilities)

    def keras_model(self) -> "keras.Model":
        """Load the Keras form: pictures as in `probabilities` in, the model's own outputs out.

        Those are neither averaged with the mirror image's nor calibrated.
        """
        from vision.models import saving  # here, since it brings in TensorFlow

        with tempfile.NamedTemporaryFile(suffix=".keras") as file:
            file.write(self._read("model.keras"))
            file.flush()
            return saving.open_model(Path(file.name))


def open_model(revision: str | None = None, bundle: Path | None = None) -> Classifier:
    """Open the classifier of a revision or of a bundle; without either, of the run in this folder.

    Parameters
    ----------
    revision : a branch, a tag, a commit or an experiment.
    bundle : the archive that `few bundle` packed, or the folder it was unpacked to.

    Raises
    ------
    UserError
        There is no such thing, its models can't be had, or they are broken.
    """

    def read(name: str) -> bytes:
        if revision is not None:
            from serving.run import read_revision  # here, since it brings in much that is large

            return read_revision(revision, FILES[name])
        return read_workspace(name) if bundle is None else read_bundle(bundle, name)

    try:
        model = Classifier(
            Description.from_json(read("model.json")),
            Calibration.from_json(read("calibration.json")),
            Network(read("model.tflite")),
            read,
        )
        _refuse_mismatch(model)
    except (ValueError, TypeError, ArithmeticError) as error:
        origin = revision or bundle or "this folder"
        raise UserError(
            f"the model of {origin} is broken, or of another version: {error}"
        ) from None
    return model


def _refuse_mismatch(model: Classifier) -> None:
    """Raise one of the errors of what is no number, or a ValueError where parts don't fit."""
    classes = len(model.classes)
    if model.network.numbers != (1 if classes == 2 else classes):
        raise ValueError(f"{classes} classes, where it has {model.network.numbers} outputs")
    if model.network.image_size != model.image_size:
        raise ValueError(f"{model.image_size} pixels, where it takes {model.network.image_size}")
    model.is_unsure(model.calibration.apply(np.full((1, classes), 1 / classes)))


def read_workspace(name: str) -> bytes:
    """Read one of FILES as the last run left it."""
    try:
        return FILES[name].read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{FILES[name]} is missing; `few train` trains a model, `dvc pull` or `dvc checkout` "
            "brings one that was trained, and --bundle names a file to take it from"
        ) from None


def read_bundle(path: Path, name: str) -> bytes:
    """Read a member of a bundle, packed or unpacked."""
    if not path.exists():
        raise UserError(f"{path} is missing; `few bundle` writes one")
    try:
        if path.is_dir():
            return (path / name).read_bytes()
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except (KeyError, FileNotFoundError):
        raise UserError(f"{path} is no bundle of this project: it has no {name}") from None
    # Of archives that are cut short, changed, encrypted or packed in some other way.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{path} is no bundle of this project: {error}") from None
