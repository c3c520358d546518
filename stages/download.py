"""Fetch and unpack one source of pictures into one form: data/raw/CLASS/FILE.

What is known of them beside their classes, data/pictures.csv has; what was found, data/README.md.
"""

from pathlib import Path

from vision.params import load_params
from vision.runtime.disk import replacing
from vision.runtime.errors import UserError
from vision.runtime.program import run
from vision.sources import dogs_vs_cats, external, given, readme, sample
from vision.sources.entries import Bounds
from vision.sources.fetch import FetchError
from vision.sources.rules import Rules

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
EXTERNAL = Path("data/external")
RAW = Path("data/raw")
PICTURES = Path("data/pictures.csv")
README = Path("data/README.md")

OTHERWISE = (
    "or take pictures of your own from data/external, with "
    "`dvc exp run -S download.source=external`, or drawn ones with download.source=sample"
)


def main() -> None:
    params = load_params(PARAMS)
    bounds = Bounds(params.download.max_files, params.download.max_gb)
    rules = Rules.of(params.download)
    found = external.Found({}, [])
    with replacing(RAW) as folder:
        try:
            match params.download.source:
                case "sample":
                    sample.write_pictures(folder, params.download.sample_pictures)
                case "microsoft":
                    dogs_vs_cats.from_microsoft(folder, bounds)
                case "external":
                    found = external.write_pictures(EXTERNAL, folder, bounds, rules)
        except FetchError as error:
            raise UserError(f"{error}; {OTHERWISE}") from None
    given.write(PICTURES, RAW, found.given)
    counts = {label.name: sum(1 for _ in label.iterdir()) for label in sorted(RAW.iterdir())}
    readme.write(README, counts, params.download.source, found.said)
    for line in found.said:
        print(line)
    for label, count in counts.items():
        print(f"{RAW / label}: {count:,} pictures")


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
