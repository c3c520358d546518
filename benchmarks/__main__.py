"""Runs the benchmarks against the plain way, and writes docs/benchmarks.md.

python -m benchmarks
"""

from pathlib import Path

from benchmarks import extraction, finetuning
from vision import environment
from vision.params import load_params

PARAMS = Path("params.yaml")
DOCUMENT = Path("docs/benchmarks.md")

TEXT = """# Benchmarks

Written by `make bench`, after a run of the pipeline, whose network, pictures and blocks they take.
Each way runs in a process of its own, in turns, three times round; the figures are medians. What is
imported, built, converted and compiled before the first picture does not count.

{machine}

## Extraction

The plain way is the listing of *Deep Learning with Python*: `image_dataset_from_directory`,
`predict` batch by batch, `np.concatenate`, with the defaults of a freshly installed TensorFlow.
Decoding counts in both; `in memory` is the same engine on pictures that are decoded already.

{extraction}

## An epoch of fine-tuning

512 training and 256 validation pictures, augmented. The plain way is `model.fit` from pixels, with
augmentation layers. `fresh` is the pipeline with `activations.views: 0`: it decodes, augments and
runs all blocks in every epoch, too. `stored` trains from the stored activations, which is the
default; what storing them costs is a pass over the pictures for each view, at about the speed of
extraction.

{finetuning}
"""


def main() -> None:
    described = environment.describe()
    backbone = load_params(PARAMS).backbone
    machine = (
        f"{backbone.name}, TensorFlow {described['libraries']['tensorflow']}, on "
        f"{described['processor']['name']} with {described['threads']} threads."
    )
    DOCUMENT.write_text(
        TEXT.format(
            machine=machine, extraction=extraction.report(), finetuning=finetuning.report()
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
