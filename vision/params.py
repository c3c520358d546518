"""The schema of params.yaml: every knob, its type and its range.

What each knob does is said once, in params.yaml itself.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from vision.networks.architectures import ARCHITECTURES
from vision.runtime.errors import UserError
from vision.runtime.files import refuse_unfinished_merge

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Share = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=1)]
Change = Annotated[float, Field(ge=0, le=0.9)]
BatchSize = Annotated[int, Field(ge=1, le=4096)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]
FinetuneEpochs = Annotated[int, Field(ge=0, le=10_000)]
Optimizer = Literal["adam", "rmsprop", "sgd"]
ImageSize = Annotated[int, Field(ge=32, le=1024)]
Name = Annotated[str, Field(min_length=1)]
Block = Name
Strength = Annotated[float, Field(ge=0, le=10)]
Schedule = Literal["constant", "cosine"]
ClassWeight = Literal["none", "balanced"]


def _networks(name: object) -> object:
    """Check the name of a network, or of several joined by +."""
    parts = name.split("+") if isinstance(name, str) else [name]
    if not all(part in ARCHITECTURES for part in parts):
        known = ", ".join(f"'{network}'" for network in ARCHITECTURES)
        raise ValueError(f"it should be one of {known}, or several of them joined by +")
    if len(set(parts)) < len(parts):
        raise ValueError("each network should be there once")
    return name


BackboneName = Annotated[str, BeforeValidator(_networks)]


def _group_by(value: object) -> object:
    """Check by what pictures are grouped: a word, a time, or a pattern."""
    if not isinstance(value, str) or value in ("none", "column", "folder", "copies"):
        return value
    if re.fullmatch(r"\d+(\.\d+)? ?s", value):
        return value
    try:
        brackets = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"it should be a regular expression ({error})") from None
    if brackets != 1:
        raise ValueError(
            "it should be none, column, folder, copies, a time such as '30 s', or a regular "
            "expression with one pair of brackets around a part of the name"
        )
    return value


GroupBy = Annotated[str, BeforeValidator(_group_by)]


def all_different(values: list) -> list:
    """Refuse a list in which something is twice."""
    if len(set(values)) < len(values):
        raise ValueError("each should be there once")
    return values


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Schema = TypeVar("Schema", bound=Section)


class TableColumns(Section):
    file: Name | None
    label: Name | Annotated[list[Name], Field(min_length=2), AfterValidator(all_different)] | None
    split: Name | None
    group: Name | None
    weight: Name | None


class Download(Section):
    source: Literal["sample", "microsoft", "external"]
    sample_pictures: Count
    max_files: Annotated[int, Field(ge=1, le=100_000_000)]
    max_gb: Annotated[float, Field(gt=0, le=10_000)]
    check_names: bool
    class_folder: Literal["auto", "first"]
    splits: Literal["keep", "merge"]
    table: Name
    columns: TableColumns
    bad_rows: Annotated[float, Field(ge=0, le=1)]


class Subset(Section):
    train: Count | Share
    validation: Count | Share
    test: Count | Share
    order: Literal["natural", "shuffled"]
    leave_out_copies: bool
    group_by: GroupBy
    strict: bool


class BackboneSettings(Section):
    name: BackboneName
    weights: Annotated[str, Field(min_length=1)]
    preprocessing: Literal["published", "rescale"]
    pooling: Literal["avg", "levels", "none"]
    image_size: ImageSize | Annotated[list[ImageSize], Field(min_length=1)] | None


class StoreSettings(Section):
    max_gb: Annotated[float, Field(ge=0, le=10_000)]


class Audit(Section):
    share: Annotated[float, Field(ge=0, le=0.5)]
    folds: Annotated[int, Field(ge=2, le=100)]
    similarity: Annotated[float, Field(gt=0, le=1)]


class Extract(Section):
    views: Annotated[int, Field(ge=0, le=1000)]


class TrainHead(Section):
    standardize: bool
    levels: bool | Literal["auto"]
    hidden_units: Annotated[int, Field(ge=0, le=65_536)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    l2: Strength | Annotated[list[Strength], Field(min_length=1), AfterValidator(all_different)]
    class_weight: ClassWeight
    optimizer: Literal["lbfgs", "adam", "rmsprop", "sgd"]
    learning_rate: Rate
    schedule: Schedule
    batch_size: BatchSize
    epochs: Epochs
    patience: Epochs


class Finetune(Section):
    unfreeze_from: (
        Block | Annotated[list[Block], Field(min_length=1), AfterValidator(all_different)]
    )
    least_wrong: Annotated[int, Field(ge=0, le=1_000_000)]
    views: Annotated[int, Field(ge=0, le=1000)]
    class_weight: ClassWeight
    optimizer: Optimizer
    schedule: Schedule
    batch_size: BatchSize
    epochs: FinetuneEpochs
    patience: Epochs

    @property
    def blocks(self) -> list[str]:
        """Those to train from, one after the other."""
        given = self.unfreeze_from
        return given if isinstance(given, list) else [given]


class Augmentation(Section):
    flip: bool
    rotation: Annotated[float, Field(ge=0, le=180)]
    zoom: Change
    shift: Change
    shear: Annotated[float, Field(ge=0, le=60)]
    contrast: Change


class Evaluate(Section):
    mirror: bool
    calibration_bins: Annotated[int, Field(ge=2, le=100)]
    mistakes: Annotated[int, Field(ge=1, le=100)]


class Calibrate(Section):
    most_wrong: Annotated[float, Field(ge=0, le=1)]


class Params(Section):
    """All of params.yaml."""

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    lr: Rate | Annotated[list[Rate], Field(min_length=1), AfterValidator(all_different)]
    download: Download
    subset: Subset
    backbone: BackboneSettings
    store: StoreSettings
    audit: Audit
    extract: Extract
    train_head: TrainHead
    finetune: Finetune
    augmentation: Augmentation
    evaluate: Evaluate
    calibrate: Calibrate

    @model_validator(mode="after")
    def _fit_together(self) -> "Params":
        """Refuse, before anything runs, what no network can do."""
        networks = self.backbone.name.split("+")
        sizes = self.backbone.image_size
        blocks = self.finetune.blocks
        named = {block.rpartition("/")[0] for block in blocks}
        given = f"finetune.unfreeze_from = [{', '.join(blocks)}]"
        wrong = []
        if isinstance(sizes, list) and len(sizes) != len(networks):
            wrong.append(
                f"backbone.image_size has sizes for {len(sizes)} networks, and backbone.name "
                f"names {len(networks)}; write one for each, or one number for all"
            )
        if not named <= {"", *networks}:
            wrong.append(
                f"{given} is of no network of backbone.name, which has {', '.join(networks)}"
            )
        elif len(named) > 1:
            wrong.append(
                f"{given} is not all of one network; write blocks with the name of one network, "
                "or all without"
            )
        elif named != {""} and len(networks) > 1 and self.backbone.pooling == "none":
            wrong.append(
                f"{given} trains one of several networks, which takes backbone.pooling = avg or "
                "levels; write the blocks without its name, which trains all"
            )
        if wrong:
            raise PydanticCustomError("unfit", "{message}", {"message": "; ".join(wrong)})
        return self


def load_params(path: Path, schema: type[Schema] = Params) -> Schema:
    """Read and check a params.yaml.

    It is read as YAML 1.2, as DVC writes it: `1e-05` is a number there, while YAML 1.1
    readers take it for text.

    Raises
    ------
    UserError
        The file is missing, in the midst of a merge or not YAML, or a key is unknown, missing, of
        the wrong type or out of range; one line names each such key, its value and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        refuse_unfinished_merge(path, text)
        content = YAML(typ="safe", pure=True).load(text)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; restore it with `git checkout {path}`") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1
        raise UserError(f"{path} is not valid YAML: line {line}: {error.problem}") from None
    except (YAMLError, ValueError) as error:  # such as not UTF-8, or the 13th month
        raise UserError(f"{path} is not valid YAML: {error}") from None
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}: " + "; ".join(_complaints(error, schema))) from None


def _complaints(error: ValidationError, schema: type[BaseModel]) -> list[str]:
    """One complaint for each key, whose value may have failed several alternatives."""
    by_key: dict[str, list[str]] = {}
    for item in error.errors():
        key, known = _place(item["loc"], schema)
        match item["type"]:
            case "missing":
                by_key[f"{key} is missing"] = []
            case "unfit":
                by_key[item["ctx"]["message"]] = []
            case "extra_forbidden" | "invalid_key":
                by_key[
                    f"{key} = {item['input']!r} is unknown; known there are {', '.join(known)}"
                ] = []
            case "model_type":
                found = f"{key or 'the whole content'} = {item['input']!r} is refused: "
                by_key[found] = ["it should be keys with values"]
            case _:
                message = item["msg"].removeprefix("Value error, ")
                allowed = message[0].lower() + message[1:]
                by_key.setdefault(f"{key} = {item['input']!r} is refused: ", []).append(allowed)
    return [complaint + ", or ".join(dict.fromkeys(why)) for complaint, why in by_key.items()]


def _place(location: tuple[int | str, ...], schema: type[BaseModel]) -> tuple[str, list[str]]:
    """Name the key that an error is about, with its sections, and those that may stand there."""
    names: list[str] = []
    known: list[str] = []
    inside: object = schema
    for part in location:
        if get_origin(inside) is dict:  # of sections, whose names are anybody's
            names.append(str(part))
            inside = get_args(inside)[1]
            continue
        # What follows a key that is no section is a branch of a union.
        if not (isinstance(inside, type) and issubclass(inside, BaseModel)):
            break
        fields = {
            field.alias or name: field.annotation for name, field in inside.model_fields.items()
        }
        names.append(str(part))
        known = list(fields)
        inside = fields.get(str(part))
    return ".".join(names), known
