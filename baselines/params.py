"""The schema of baselines/params.yaml.

What each knob does is said there.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from vision.params import Augmentation, BatchSize, Epochs, Optimizer, Rate, Schedule, Section

# Smaller pictures would be used up before the last convolution of the deepest network.
_LEAST_IMAGE_SIZE = 80


class Plain(Section):
    """How a network is trained as it is."""

    optimizer: Optimizer
    learning_rate: Rate
    schedule: Schedule
    batch_size: BatchSize
    epochs: Epochs
    patience: Epochs


class Augmented(Plain):
    """How it is trained with dropout, on views drawn anew in every epoch."""

    dropout: Annotated[float, Field(ge=0, lt=1)]
    augmentation: Augmentation


class Network(Section):
    image_size: Annotated[int, Field(ge=_LEAST_IMAGE_SIZE, le=1024)]
    plain: Plain
    augmented: Augmented


class Params(Section):
    """All of baselines/params.yaml; its sections are named as the networks are: blog-2016."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    blog_2016: Network
    book_1st_edition: Network
    book_2nd_edition: Network

    def network(self, name: str) -> Network:
        return getattr(self, name.replace("-", "_"))
