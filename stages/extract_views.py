"""Run the frozen base over augmented views of the training pictures.

So the head sees augmented pictures too, at the price of one pass for each view instead of one
for each epoch.
"""

from pathlib import Path

from vision.params import Params, load_params
from vision.runtime.files import write_json
from vision.runtime.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
TRAIN = Path("data/subset/train")
WEIGHTS = Path("data/weights")
VIEWS = Path("data/views")


def main() -> None:
    params = load_params(PARAMS)
    # Without views, too: of an empty folder DVC warns.
    write_json({"views": params.extract.views}, VIEWS / "views.json")
    if params.extract.views:
        write_views(params)


def write_views(params: Params) -> None:
    """Write the features of each view to a file of its own, in the order of data/features."""
    # Imported here, since they bring in TensorFlow, which by default nobody waits for.
    from vision import pictures
    from vision.features import views
    from vision.models.engine import Engine
    from vision.networks import determinism
    from vision.networks.extractor import build_extractor

    determinism.enable()
    network = Engine(build_extractor(params.backbone, WEIGHTS))
    views.write_views(
        network,
        TRAIN,
        pictures.index(TRAIN)["file"],
        params.extract.views,
        params.augmentation,
        params.seed,
        VIEWS,
        params.store.max_gb,
    )


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
