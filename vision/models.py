"""Models in files: equal weights give equal bytes, and what a caller needs stands beside them."""

import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path

import keras

from vision.description import Description
from vision.output import write_json

# The earliest time that a zip can hold.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


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
    """Read what `save` wrote, refusing code in it (Keras' safe mode)."""
    description = Description.from_json(path.with_suffix(".json").read_text(encoding="utf-8"))
    return keras.models.load_model(path), description
