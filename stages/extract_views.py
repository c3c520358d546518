"""Runs the frozen base over augmented views of the training pictures.

So the head sees augmented pictures too, at the price of one pass for each view instead of one
for each epoch.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vision import pictures
from vision.params import Params, load_params
from vision.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
TRAIN = Path("data/subset/train")
WEIGHTS = Path("data/weights")
VIEWS = Path("data/views")


def main() -> None:
    params = load_params(PARAMS)
    VIEWS.mkdir(parents=True, exist_ok=True)
    if params.extract.views:
        write_views(params)


def write_views(params: Params) -> None:
    """Write the features of each view to a file of its own, in the order of data/features."""
    # Imported here, since they bring in TensorFlow, which by default nobody waits for.
    from vision import determinism, features
    from vision.augmentation import augment

    determinism.enable()
    extractor = features.build_extractor(params.backbone, WEIGHTS)
    paths = [TRAIN / file for file in pictures.index(TRAIN)["file"]]
    for view in range(params.extract.views):

        def change(batch: np.ndarray, files: Sequence[Path], view: int = view) -> np.ndarray:
            names = [file.relative_to(TRAIN).as_posix() for file in files]
            return augment(batch, names, view, params.augmentation, params.seed)

        features.write_features(extractor, paths, VIEWS / f"{view}.npy", change)


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
