"""Runs the frozen convolutional base over every picture, once."""

from pathlib import Path

from vision import determinism, features, pictures
from vision.errors import run
from vision.params import load_params

PARAMS = Path("params.yaml")
SUBSET = Path("data/subset")
FEATURES = Path("data/features")


def main() -> None:
    params = load_params(PARAMS)
    determinism.enable()
    extractor = features.build_extractor(params.backbone)
    FEATURES.mkdir(parents=True, exist_ok=True)
    for split in pictures.SPLITS:
        index = pictures.index(SUBSET / split)
        paths = [SUBSET / split / file for file in index["file"]]
        features.write_features(extractor, paths, FEATURES / f"{split}.npy")
        index.to_csv(FEATURES / f"{split}.csv", index=False)


if __name__ == "__main__":
    run(main)
