"""What the stage `calibrate` measures."""

import numpy as np
import pytest
from PIL import Image

from stages import calibrate
from vision.calibration import Calibration

LABELS = np.array([0, 0, 1, 1])
SAID = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.45, 0.55]])


def test_measures_what_is_sure_and_how_often_that_is_right():
    figures = calibrate.measure(LABELS, SAID, Calibration(False, 1, 0.58), bins=10)
    assert figures["unsure"] == 0.25
    assert figures["sure_accuracy"] == 2 / 3
    assert figures["sure_accuracy_low"] < 2 / 3 < figures["sure_accuracy_high"]
    assert figures["loss"] == figures["loss_before"]


def test_where_all_are_unsure_there_is_no_accuracy_of_the_others():
    figures = calibrate.measure(LABELS, SAID, Calibration(False, 1, 1), bins=10)
    assert figures["unsure"] == 1
    assert "sure_accuracy" not in figures


class Brightness:
    """To it, the chance of the second class is the brightness of the left half."""

    image_size = 32

    def __call__(self, pictures):
        return pictures[:, :, :16].mean(axis=(1, 2, 3))[:, None] / 255


@pytest.mark.parametrize(("mirror", "expected"), [(False, [0, 1]), (True, [0.5, 0.5])])
def test_the_validation_pictures_are_predicted_as_the_test_pictures_are(tmp_path, mirror, expected):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, :16] = 255
    Image.fromarray(pixels).save(tmp_path / "left.png")
    predicted = calibrate.predict(Brightness(), [tmp_path / "left.png"], mirror)
    assert predicted.tolist() == [expected]
