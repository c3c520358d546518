"""Fetch and unpack one source of pictures into one form: data/raw/CLASS/FILE.

What is known of them beside their classes, data/pictures.csv has.
"""

from pathlib import Path

from vision.params import load_params
from vision.runtime.disk import replacing
from vision.runtime.errors import UserError
from vision.runtime.program import run
from vision.sources import dogs_vs_cats, external, given, sample
from vision.sources.entries import Bounds
from vision.sources.fetch import FetchError
from vision.sources.rules import Rules

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
EXTERNAL = Path("data/external")
RAW = Path("data/raw")
PICTURES = Path("data/pictures.csv")

OTHERWISE = (
    "or take pictures of your own from data/external, with "
    "`dvc exp run -S download.source=external`, or drawn ones with download.source=sample"
)


def main() -> None:
    params = load_params(PARAMS)
    bounds = Bounds(params.download.max_files, params.download.max_gb)
    rules = Rules.of(params.download)
    known: dict[str, given.Given] = {}
    with replacing(RAW) as folder:
        try:
            match params.download.source:
                case "sample":
                    sample.write_pictures(folder, params.download.sample_pictures)
                case "microsoft":
                    dogs_vs_cats.from_microsoft(folder, bounds)
                case "external":
                    known = external.write_pictures(EXTERNAL, folder, bounds, rules)
        except FetchError as error:
            raise UserError(f"{error}; {OTHERWISE}") from None
    given.write(PICTURES, RAW, known)
    for label in sorted(RAW.iterdir()):
        print(f"{label}: {sum(1 for _ in label.iterdir()):,} pictures")


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
