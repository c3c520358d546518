import numpy as np
import pytest
from PIL import Image

from serving.classifier import Classifier
from vision.models.calibration import Calibration
from vision.models.description import Description

SIZE = 8


class Brightness:
    """A network to which a picture is as probably of each class as it is red, green and blue."""

    image_size = SIZE
    numbers = 3

    def __call__(self, pictures):
        means = pictures.astype(np.float32).mean(axis=(1, 2)) + 1e-3
        return means / means.sum(axis=1, keepdims=True)


@pytest.fixture(scope="session")
def colours():
    """Tells red, green and blue pictures apart."""
    return Classifier(
        Description(["red", "grün", "藍"], SIZE, "none"),
        Calibration(mirror=True, temperature=1, unsure_below=0.6),
        Brightness(),
        {}.__getitem__,
    )


@pytest.fixture
def failing_decoder(monkeypatch):
    """Lets the decoder of one format, a class of Pillow's, fail as it likes when it decodes."""

    def fail(of, error):
        def load(_):
            raise error

        monkeypatch.setattr(of, "load", load)

    return fail


@pytest.fixture
def picture(tmp_path):
    """Write a picture of one colour and return its path, as one types it."""

    def write(name, colour, size=(20, 12)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return str(path)

    return write
