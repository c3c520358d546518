"""What the stage `calibrate` measures."""

import numpy as np

from stages import calibrate
from vision.models.calibration import Calibration

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


def test_reads_what_the_final_model_said_of_each_picture(tmp_path):
    """Of classes that look like numbers, and of probabilities that were rounded."""
    (tmp_path / "said.csv").write_text(
        "file,label,md5,head_01,head_NA,finetuned_01,finetuned_NA\n"
        "NA/a.jpg,NA,d1,0.9,0.1,0.25,0.75\n"
        "01/a.jpg,01,d2,0.9,0.1,0.6000001,0.4\n"
    )
    labels, probabilities = calibrate.read(tmp_path / "said.csv", ["01", "NA"])
    assert labels.tolist() == [1, 0]
    assert probabilities[0].tolist() == [0.25, 0.75]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)
