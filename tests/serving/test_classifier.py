"""The classifier, and where it comes from."""

import dataclasses
import zipfile

import numpy as np
import pytest

from serving import classifier
from vision.calibration import Calibration
from vision.errors import UserError


class LeftHalf:
    """One unit: the chance of the second class is the brightness of the left half."""

    def __call__(self, pictures):
        return pictures[:, :, :4].mean(axis=(1, 2, 3))[:, None] / 255


@pytest.fixture
def halves():
    """A batch of a picture of which the left half is white, and of one that is all white."""
    batch = np.full((2, 8, 8, 3), 255, np.uint8)
    batch[0, :, 4:] = 0
    return batch


def one_unit(colours, **calibration):
    chosen = Calibration(**({"mirror": False, "temperature": 1, "unsure_below": 0.6} | calibration))
    description = dataclasses.replace(colours.description, classes=["dark", "light"])
    return dataclasses.replace(
        colours, description=description, calibration=chosen, network=LeftHalf()
    )


def test_one_unit_becomes_two_probabilities(colours, halves):
    # 1e-7 is the least probability that is told apart.
    np.testing.assert_allclose(one_unit(colours).probabilities(halves), [[0, 1], [0, 1]], atol=2e-7)


def test_the_mirror_image_counts_as_much_where_it_did_in_the_evaluation(colours, halves):
    model = one_unit(colours, mirror=True)
    probabilities = model.probabilities(halves)
    np.testing.assert_allclose(probabilities, [[0.5, 0.5], [0, 1]], atol=2e-7)
    assert model.is_unsure(probabilities).tolist() == [True, False]


def test_the_temperature_is_applied(colours, halves):
    halves[:] = 204  # four fifths
    odds = np.divide(*one_unit(colours, temperature=2).probabilities(halves).T[::-1])
    np.testing.assert_allclose(odds, 2, rtol=1e-6)  # the root of 4


def test_without_a_run_it_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"models/finetuned.json is missing; `make repro` trains"):
        classifier.from_workspace()


def test_a_file_that_is_no_bundle(tmp_path):
    with pytest.raises(UserError, match=r"gone.zip is missing"):
        classifier.from_bundle(tmp_path / "gone.zip")
    (tmp_path / "text.zip").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("cat.txt", "miaow")
    (tmp_path / "folder").mkdir()
    for name in ("text.zip", "other.zip", "folder"):
        with pytest.raises(UserError, match=f"{name} is no bundle"):
            classifier.from_bundle(tmp_path / name)
