"""Random views of training pictures.

A view is drawn from the seed, the picture's name and the number of the view, and from nothing
else: neither the order of the pictures, nor their number, nor the batch changes it.
"""

import zlib
from collections.abc import Sequence

import cv2
import numpy as np

from vision.params import Augmentation

# Pictures are already worked on in threads.
cv2.setNumThreads(1)


def augment(
    pictures: np.ndarray,
    names: Sequence[str],
    view: int,
    augmentation: Augmentation,
    seed: int,
) -> np.ndarray:
    """Change each picture at random: one geometric transformation, then the contrast.

    Parameters
    ----------
    pictures : RGB values 0-255, shape (pictures, height, width, 3).
    names : what tells each picture from all others; seeds its changes.
    view : which view of each picture to draw, from 0; the epoch, in training.

    Returns
    -------
    Pictures of the same shape, float32, 0-255. Beyond its edges a picture goes on as its mirror
    image.
    """
    height, width = pictures.shape[1:3]
    draws = [
        _draw(
            augmentation,
            np.random.default_rng([seed, view, zlib.crc32(name.encode())]),
            height,
            width,
        )
        for name in names
    ]
    views = np.empty(pictures.shape, np.float32)
    for picture, (matrix, contrast), view_of_it in zip(pictures, draws, views, strict=True):
        cv2.warpAffine(
            picture.astype(np.float32),
            _about_centre(matrix, height, width),
            (width, height),
            dst=view_of_it,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        means = view_of_it.mean(axis=(0, 1))
        view_of_it -= means
        view_of_it *= np.float32(contrast)
        view_of_it += means
    return np.clip(views, 0, 255, out=views)


def _draw(
    augmentation: Augmentation, rng: np.random.Generator, height: int, width: int
) -> tuple[np.ndarray, float]:
    """Draw one view's transformation and contrast.

    Every number is drawn whether or not it is used, so that switching one change off leaves the
    others as they were.

    Returns
    -------
    A matrix (3, 3) that maps points of the view to points of the picture, in homogeneous
    coordinates (x, y, 1) about the centre, in pixels; and the factor of the contrast.
    """
    mirror = rng.random() < 0.5
    turn, slant, zoom, across, down, contrast = rng.uniform(-1, 1, size=6)
    angle = np.deg2rad(augmentation.rotation * turn)
    flip = np.diag([-1.0 if augmentation.flip and mirror else 1.0, 1.0, 1.0])
    rotate = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    shear = np.array([[1, np.tan(np.deg2rad(augmentation.shear * slant)), 0], [0, 1, 0], [0, 0, 1]])
    scale = np.diag([1 + augmentation.zoom * zoom, 1 + augmentation.zoom * zoom, 1])
    shift = np.eye(3)
    shift[:2, 2] = augmentation.shift * across * width, augmentation.shift * down * height
    return flip @ rotate @ shear @ scale @ shift, 1 + augmentation.contrast * contrast


def _about_centre(matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """Express a transformation about the centre about the corner, as OpenCV's 2 × 3 numbers."""
    to_centre = np.eye(3)
    to_centre[:2, 2] = (width - 1) / 2, (height - 1) / 2
    return (to_centre @ matrix @ np.linalg.inv(to_centre))[:2]
