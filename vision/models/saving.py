"""Models in files: equal weights give equal bytes, and what a caller needs stands beside them."""

import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path

import keras

from vision.models.description import Description
from vision.runtime.disk import replacing_file
from vision.runtime.errors import UserError
from vision.runtime.files import write_json

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


def save(model: keras.Model, description: Description, path: Path) -> None:
    """Write a model as a .keras file and its description beside it as .json.

    Keras writes the time and addresses in memory into its zip, and zips hold times; all are
    taken out.
    """
    with tempfile.TemporaryDirectory() as folder, replacing_file(path) as new:
        written = Path(folder) / path.name
        model.save(written)
        with zipfile.ZipFile(written) as parts, zipfile.ZipFile(new, "w") as timeless:
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
        description = Description.from_json(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{beside} cannot be read as what describes {path}: {error}") from None
    return open_model(path), description


def open_model(path: Path) -> keras.Model:
    """Open a .keras file alone, as `load` does.

    Raises
    ------
    UserError
        It is missing or broken, or holds code or layers that aren't Keras' own.
    """
    try:
        return keras.models.load_model(path, safe_mode=True)
    except _LOADING as error:
        raise UserError(
            f"{path} is no model that can be opened without running code from it: {_why(error)}; "
            "remove it and run the stage that writes it"
        ) from None


def _why(error: Exception) -> str:
    """Give the first sentence of the innermost error, which Keras quotes behind whole configs."""
    innermost = str(error).rpartition("Exception encountered: ")[2]
    return innermost.strip().partition("\n")[0].partition(". ")[0] or type(error).__name__
