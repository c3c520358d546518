"""Runs the part of the base that fine-tuning leaves as it is, once, and stores what it gives.

Fine-tuning then pays only for the blocks that it trains. Augmented views of the training pictures
are run, and the validation pictures as they are.
"""

from pathlib import Path

from vision import pictures
from vision.params import Params, load_params
from vision.runtime.errors import UserError
from vision.runtime.program import run

PARAMS = Path("params.yaml")
ENVIRONMENT = Path("metrics/environment.json")
TRAIN = Path("data/subset/train")
VALIDATION = Path("data/subset/validation")
WEIGHTS = Path("data/weights")
ACTIVATIONS = Path("data/activations")

GB = 1e9


def main() -> None:
    params = load_params(PARAMS)
    ACTIVATIONS.mkdir(parents=True, exist_ok=True)
    if params.activations.views:
        write_activations(params)


def write_activations(params: Params) -> None:
    """Write train/0.npy and so on, one file for each view, and validation.npy, in float16."""
    # Imported here, since they bring in TensorFlow, which without views nobody waits for.
    import numpy as np

    from vision.features import extraction, views
    from vision.models.engine import Engine
    from vision.networks import cut, determinism
    from vision.networks.extractor import build_extractor

    determinism.enable()
    extractor = build_extractor(params.backbone, WEIGHTS)
    lower, _ = cut.split(extractor, params.backbone.name, params.finetune.unfreeze_from)
    network = Engine(lower)
    check_disk(network.numbers * np.dtype(np.float16).itemsize, params)
    views.write_views(
        network,
        TRAIN,
        params.activations.views,
        params.augmentation,
        params.seed,
        ACTIVATIONS / "train",
        params.store.max_gb,
        np.float16,
    )
    validation = [VALIDATION / file for file in pictures.index(VALIDATION)["file"]]
    # `evaluate` takes the same rows, as they are.
    extraction.write(
        network,
        validation,
        ACTIVATIONS / "validation.npy",
        params.store.max_gb,
        dtype=np.float16,
        kept=np.float32,
    )


def check_disk(bytes_a_picture: int, params: Params) -> None:
    """Say what the activations will take, and refuse what is more than allowed.

    Raises
    ------
    UserError
        It is more than activations.max_gb.
    """
    views, most = params.activations.views, params.activations.max_gb
    view = len(pictures.index(TRAIN)) * bytes_a_picture / GB
    validation = len(pictures.index(VALIDATION)) * bytes_a_picture / GB
    needed = views * view + validation
    if needed > most:
        fit = max(0, int((most - validation) / view))
        raise UserError(
            f"the activations at {params.finetune.unfreeze_from} would take {needed:.3g} GB, and "
            f"activations.max_gb = {most:g}; raise it, set finetune.unfreeze_from to a higher "
            f"block, or activations.views = {views} to {fit}"
        )
    print(f"activations: {needed:.3g} GB for {views} views of the training pictures", flush=True)


if __name__ == "__main__":
    run(main, note=ENVIRONMENT)
