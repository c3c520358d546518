"""Run the frozen convolutional base over every picture, once."""

from pathlib import Path

from vision import pictures
from vision.features import extraction
from vision.models.engine import Engine
from vision.networks import determinism
from vision.networks.extractor import build_extractor
from vision.params import load_params
from vision.runtime.files import write_csv
from vision.runtime.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
SUBSET = Path("data/subset")
WEIGHTS = Path("data/weights")
FEATURES = Path("data/features")


def main() -> None:
    params = load_params(PARAMS)
    determinism.enable()
    network = Engine(build_extractor(params.backbone, WEIGHTS))
    for split in pictures.SPLITS:
        index = pictures.index(SUBSET / split)
        paths = [SUBSET / split / file for file in index["file"]]
        extraction.write(network, paths, FEATURES / f"{split}.npy", params.store.max_gb)
        write_csv(index, FEATURES / f"{split}.csv")


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
