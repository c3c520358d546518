"""The schema of studies/params.yaml.

What each knob does is said there.
"""

from typing import Annotated, Any, Literal, get_type_hints

from pydantic import AfterValidator, Field, create_model

from vision.params import (
    Backbone,
    BatchSize,
    Count,
    FinetuneEpochs,
    LabelSmoothing,
    LayerDecay,
    Optimizer,
    Rate,
    Schedule,
    Section,
    TrainHead,
    Warmup,
    WeightDecay,
    all_different,
)

_Strength = Annotated[float, Field(gt=0, le=10)]


class CrossValidate(Section):
    folds: Annotated[int, Field(ge=2, le=100)]
    repeats: Annotated[int, Field(ge=1, le=100)]
    groups: Literal["none", "near_duplicates"]
    similarity: Annotated[float, Field(gt=0, le=1)]


class LearningCurve(Section):
    sizes: Annotated[list[Count], Field(min_length=1), AfterValidator(all_different)]
    draws: Annotated[int, Field(ge=1, le=1000)]


class Ensembles(Section):
    heads: Annotated[int, Field(ge=2, le=100)]
    ensembles: Annotated[int, Field(ge=2, le=100)]


def _any_of(section: type[Section]) -> dict[str, tuple[Any, None]]:
    """Give the fields of a section, each of which may be left out; what is left out is not set."""
    kinds = get_type_hints(section, include_extras=True)
    return {name: (kinds[name], None) for name in section.model_fields}


# What takes the place of the pipeline's own settings of train_head: any of them. And whether
# probabilities are the mean of those of a picture and of its mirror image.
HeadVariant = create_model(
    "HeadVariant", __base__=Section, **_any_of(TrainHead), mirror=(bool, False)
)
# What takes the place of the pipeline's own settings of backbone: any of them.
BackboneVariant = create_model("BackboneVariant", __base__=Section, **_any_of(Backbone))


class Nested(Section):
    folds: Annotated[int, Field(ge=2, le=100)]
    parts: Annotated[int, Field(ge=2, le=100)]
    repeats: Annotated[int, Field(ge=1, le=100)]
    settings: Annotated[dict[str, HeadVariant], Field(min_length=1)]


class Backbones(Section):
    settings: Annotated[dict[str, BackboneVariant], Field(min_length=1)]


class Variant(Section):
    """What takes the place of the pipeline's own: its lr, and settings of finetune."""

    lr: Rate | None = None
    optimizer: Optimizer | None = None
    schedule: Schedule | None = None
    warmup: Warmup | None = None
    layer_decay: LayerDecay | None = None
    weight_decay: WeightDecay | None = None
    label_smoothing: LabelSmoothing | None = None
    batch_size: BatchSize | None = None
    epochs: FinetuneEpochs | None = None


class Variants(Section):
    seeds: Annotated[int, Field(ge=2, le=100)]
    settings: Annotated[dict[str, Variant], Field(min_length=1)]


class Params(Section):
    """All of studies/params.yaml."""

    l2: Annotated[list[_Strength], Field(min_length=1), AfterValidator(all_different)]
    cross_validate: CrossValidate
    learning_curve: LearningCurve
    ensembles: Ensembles
    nested: Nested
    backbones: Backbones
    variants: Variants
