"""The schema of studies/params.yaml.

What each knob does is said there.
"""

from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from pydantic import AfterValidator, Field, create_model

from vision.params import (
    BackboneSettings,
    Count,
    Section,
    TrainHead,
    all_different,
)

Settings = TypeVar("Settings", bound=Section)

_Strength = Annotated[float, Field(gt=0, le=10)]


class CrossValidate(Section):
    folds: Annotated[int, Field(ge=2, le=100)]
    repeats: Annotated[int, Field(ge=1, le=100)]
    groups: Literal["none", "near_duplicates"]
    similarity: Annotated[float, Field(gt=0, le=1)]


class LearningCurve(Section):
    sizes: Annotated[list[Count], Field(min_length=1), AfterValidator(all_different)]
    draws: Annotated[int, Field(ge=1, le=1000)]


def _variant_of(section: type[Section], **besides: tuple[Any, Any]) -> type[Section]:
    """Return the schema of what may take the place of settings of a section: any of them.

    Parameters
    ----------
    besides : what a variant sets of its own, each with its kind and what it is if it is left out.
    """
    kinds = get_type_hints(section, include_extras=True)
    fields = {name: (kinds[name], None) for name in section.model_fields}
    return create_model(f"{section.__name__}Variant", __base__=Section, **besides, **fields)


def with_changes(settings: Settings, variant: Section) -> Settings:
    """Return the pipeline's settings with what a variant sets in their place."""
    names = variant.model_fields_set & type(settings).model_fields.keys()
    return settings.model_copy(update={name: getattr(variant, name) for name in names})


BackboneVariant = _variant_of(BackboneSettings)
# Besides: whether probabilities are the mean of those of a picture and of its mirror image.
HeadVariant = _variant_of(TrainHead, mirror=(bool, False))


class Nested(Section):
    folds: Annotated[int, Field(ge=2, le=100)]
    parts: Annotated[int, Field(ge=2, le=100)]
    repeats: Annotated[int, Field(ge=1, le=100)]
    settings: Annotated[dict[str, HeadVariant], Field(min_length=1)]


class Backbones(Section):
    settings: Annotated[dict[str, BackboneVariant], Field(min_length=1)]


class Params(Section):
    """All of studies/params.yaml."""

    l2: Annotated[list[_Strength], Field(min_length=1), AfterValidator(all_different)]
    cross_validate: CrossValidate
    learning_curve: LearningCurve
    nested: Nested
    backbones: Backbones
