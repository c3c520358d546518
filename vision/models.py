"""Models in files: equal weights give equal bytes, and what a caller needs stands beside them."""

import json
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from vision.errors import UserError
from vision.output import write_json

# What Keras was seen to raise over broken and malicious files.
_LOADING = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    ImportError,
    OSError,
    zipfile.BadZipFile,
)

# The earliest time that a zip can hold.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Description:
    """What one must know of a model to use it: stored beside it as JSON.

    Attributes
    ----------
    classes : in the order of the probabilities.
    image_size : height and width in pixels that pictures are squeezed into.
    backbone : the name of the convolutional base.
    trained_from : the lowest block of it that was trained; None: all of it is as it was.
    """

    classes: list[str]
    image_size: int
    backbone: str
    trained_from: str | None = None


def save(model: keras.Model, description: Description, path: Path) -> None:
    """Write a model as a .keras file and its description beside it as .json.

    Keras writes the time and addresses in memory into its zip, and zips hold times; all are
    taken out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / path.name
        model.save(written)
        with zipfile.ZipFile(written) as parts, zipfile.ZipFile(path, "w") as timeless:
            for name in sorted(parts.namelist()):
                content = parts.read(name)
                if name == "metadata.json":
                    content = _without_date(content)
                elif name == "config.json":
                    content = _without_addresses(content)
                timeless.writestr(zipfile.ZipInfo(name, _NO_TIME), content)
    write_json(asdict(description), path.with_suffix(".json"))


def _without_date(metadata: bytes) -> bytes:
    content = json.loads(metadata)
    del content["date_saved"]
    return json.dumps(content).encode()


def _without_addresses(config: bytes) -> bytes:
    """Number the objects that layers share, which Keras tells apart by where they are in memory."""
    numbers: dict[int, int] = {}

    def number(part: dict) -> dict:
        if "shared_object_id" in part:
            address = part["shared_object_id"]
            part["shared_object_id"] = numbers.setdefault(address, len(numbers) + 1)
        return part

    return json.dumps(json.loads(config, object_hook=number)).encode()


def load(path: Path) -> tuple[keras.Model, Description]:
    """Read what `save` wrote, refusing code in it (Keras' safe mode).

    Raises
    ------
    UserError
        One of the two files is missing or broken, or the model holds code or layers that aren't
        Keras' own.
    """
    beside = path.with_suffix(".json")
    try:
        description = Description(**json.loads(beside.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{beside} cannot be read as what describes {path}: {error}") from None
    try:
        return keras.models.load_model(path, safe_mode=True), description
    except _LOADING as error:
        raise UserError(
            f"{path} is no model that can be opened without running code from it: {_why(error)}; "
            "remove it and run the stage that writes it"
        ) from None


def _why(error: Exception) -> str:
    """Give the first sentence of the innermost error, which Keras quotes behind whole configs."""
    innermost = str(error).rpartition("Exception encountered: ")[2]
    return innermost.strip().partition("\n")[0].partition(". ")[0] or type(error).__name__


def class_probabilities(outputs: np.ndarray) -> np.ndarray:
    """Give every class its column, also where a single sigmoid unit tells two classes apart.

    Parameters
    ----------
    outputs : a model's, shape (pictures, 1) or (pictures, classes).

    Returns
    -------
    Shape (pictures, classes), float64; rows add up to 1.
    """
    outputs = outputs.astype(np.float64)
    if outputs.shape[1] == 1:
        return np.hstack([1 - outputs, outputs])
    return outputs / outputs.sum(axis=1, keepdims=True)
