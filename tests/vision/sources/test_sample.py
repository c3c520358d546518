from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.sources import sample

PER_CLASS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.write_pictures(folder, PER_CLASS)
    return folder


def relative_names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def draw_what_is_not_the_animal(class_id: int, index: int) -> tuple:
    """What `render` draws before it draws the animal."""
    rng = np.random.default_rng([class_id, index])
    return sample._draw_camera(rng), sample._draw_scene(rng), sample._draw_pose(rng)


def test_files_are_jpegs_named_after_class_and_index(folder):
    names = [f"{name}/{name}.{i}.jpg" for name in sample.CLASSES for i in range(PER_CLASS)]
    assert relative_names(folder) == sorted(names)
    for path in folder.rglob("*.jpg"):
        with Image.open(path) as picture:
            picture.load()
            assert (picture.format, picture.mode) == ("JPEG", "RGB"), path
    assert len({path.read_bytes() for path in folder.rglob("*.jpg")}) == len(names)


def test_a_picture_is_the_same_however_many_are_drawn_in_however_many_processes(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    sample.write_pictures(tmp_path, 2)
    names = relative_names(tmp_path)
    assert len(names) == 4
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_what_is_not_the_animal_does_not_tell_the_class():
    count = 1500
    means, errors = [], []
    for class_id in range(2):
        rows = []
        for index in range(count):
            camera, scene, pose = draw_what_is_not_the_animal(class_id, index)
            rows.append([
                *camera.size, camera.quality, camera.brightness, camera.blur, camera.noise,
                *scene.far, *scene.near, scene.clutter, scene.occluder == "none",
                pose.size, pose.close_up, pose.body == "sitting", abs(pose.yaw), pose.eyes_open,
            ])  # fmt: skip
        means.append(np.mean(rows, axis=0))
        errors.append(np.std(rows, axis=0) / np.sqrt(count))
    # Equal distributions: the classes' means are within 4 standard errors of each other, which
    # all of 19 fair quantities are in 99.9 of 100 drawings. The drawing is fixed, so no flakes.
    assert np.all(np.abs(means[0] - means[1]) < 4 * np.hypot(*errors))
