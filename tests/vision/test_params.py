import math
import re
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML

from vision.networks.architectures import ARCHITECTURES
from vision.params import Params, load_params
from vision.runtime.errors import UserError
from vision.runtime.program import run

COMMITTED = Path(__file__).parents[2] / "params.yaml"
LINES = COMMITTED.read_text(encoding="utf-8").splitlines()

# Every key that is a number, with its limits; those in brackets are themselves refused.
LIMITS = {
    "seed": "0 4294967295",
    "lr": "(0) 1",
    "download.sample_pictures": "1 1000000",
    "download.max_files": "1 100000000",
    "download.max_gb": "(0) 10000",
    "backbone.image_size": "32 1024",
    "store.max_gb": "0 10000",
    "audit.share": "0 0.5",
    "audit.folds": "2 100",
    "audit.neighbours": "1 1000",
    "audit.similarity": "(0) 1",
    "extract.views": "0 1000",
    "train_head.hidden_units": "0 65536",
    "train_head.dropout": "0 (1)",
    "train_head.learning_rate": "(0) 1",
    "train_head.batch_size": "1 4096",
    "train_head.epochs": "1 10000",
    "train_head.patience": "1 10000",
    "finetune.least_wrong": "0 1000000",
    "finetune.views": "0 1000",
    "finetune.batch_size": "1 4096",
    "finetune.epochs": "0 10000",
    "finetune.patience": "1 10000",
    "augmentation.rotation": "0 180",
    "augmentation.zoom": "0 0.9",
    "augmentation.shift": "0 0.9",
    "augmentation.shear": "0 60",
    "augmentation.contrast": "0 0.9",
    "evaluate.calibration_bins": "2 100",
    "evaluate.mistakes": "1 100",
    "calibrate.most_wrong": "0 1",
}
# Every key that is one of some words.
CHOICES = {
    "download.source": "sample microsoft external",
    "subset.order": "natural shuffled",
    "backbone.name": "efficientnet_lite0 efficientnet_lite1 efficientnet_lite2 vgg16 vgg19 "
    "resnet50 inception_v3 xception mobilenet mobilenet_v2 efficientnet_b0 densenet121",
    "backbone.pooling": "avg levels none",
    "train_head.optimizer": "lbfgs adam rmsprop sgd",
    "train_head.schedule": "cosine constant",
    "finetune.optimizer": "adam rmsprop sgd",
    "finetune.schedule": "cosine constant",
}
AMOUNTS = ("subset.train", "subset.validation", "subset.test")
OTHERS = (
    "download.check_names",
    "subset.leave_out_copies",
    "backbone.weights",
    "train_head.standardize",
    "train_head.levels",
    "train_head.l2",
    "finetune.unfreeze_from",
    "augmentation.flip",
    "evaluate.mirror",
)


def line_of(key: str) -> int:
    """Find the line of params.yaml that holds a key, given as `section.key` or `key`."""
    *section, name = key.split(".")
    start = LINES.index(f"{section[0]}:") if section else 0
    indented = f"  {name}:" if section else f"{name}:"
    return next(n for n in range(start, len(LINES)) if LINES[n].startswith(indented))


def keys_of(schema: type) -> list[str]:
    return [
        f"{name}.{inner}" if inner else name
        for name, field in schema.model_fields.items()
        for inner in (
            field.annotation.model_fields if hasattr(field.annotation, "model_fields") else [None]
        )
    ]


KEYS = keys_of(Params)


def is_whole(key: str) -> bool:
    """Whether a key of LIMITS takes whole numbers only, by its comment's word."""
    return "integer" in LINES[line_of(key) - 1].lower()


def beyond(key: str) -> list[float]:
    """The first numbers that are refused below and above a key's limits."""
    refused = []
    for text, direction in zip(LIMITS[key].split(), (-math.inf, math.inf), strict=True):
        limit = float(text.strip("()"))
        if text.startswith("("):
            refused.append(limit)
        elif is_whole(key):
            refused.append(int(limit + math.copysign(1, direction)))
        else:
            refused.append(math.nextafter(limit, direction))
    return refused


def limits(key: str) -> list[float]:
    """The last numbers that are accepted."""
    accepted = []
    for text, inwards in zip(LIMITS[key].split(), (math.inf, -math.inf), strict=True):
        limit = float(text.strip("()"))
        if text.startswith("("):
            limit = math.nextafter(limit, inwards)
        accepted.append(int(limit) if is_whole(key) else limit)
    return accepted


@pytest.fixture
def changed(tmp_path):
    """Writes the committed params.yaml with other values (YAML text) for some keys."""

    def write(values: dict[str, str]) -> Path:
        lines = LINES.copy()
        for key, value in values.items():
            number = line_of(key)
            lines[number] = f"{lines[number].split(':')[0]}: {value}"
        path = tmp_path / "params.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def complaint(capsys):
    """Gives what the user sees on reading a params.yaml that is refused; always one line."""

    def read(path: Path) -> str:
        with pytest.raises(SystemExit):
            run(lambda: load_params(path))
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert str(path) in message
        return message

    return read


def value_at(params: Params, key: str) -> object:
    for part in key.split("."):
        params = getattr(params, part)
    return params


def test_the_committed_file_is_accepted():
    params = load_params(COMMITTED)
    assert params.seed == 1337
    assert params.lr == 4e-4
    assert params.backbone.image_size == 340


def test_the_tables_of_this_test_cover_every_key_of_the_schema():
    assert sorted([*LIMITS, *CHOICES, *AMOUNTS, *OTHERS]) == sorted(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_comment_above_it(key):
    assert LINES[line_of(key) - 1].strip().startswith("# ")


@pytest.mark.parametrize("key", LIMITS)
def test_the_comment_tells_the_limits(key):
    comment = LINES[line_of(key) - 1].replace(",", " ").replace(".", " .").replace("0 .", "0.")
    words = [word.strip("(;:.") for word in comment.split()]
    assert {limit.strip("()") for limit in LIMITS[key].split()} <= set(words)


@pytest.mark.parametrize("key", CHOICES)
def test_the_comment_tells_all_choices_and_the_schema_has_no_others(key):
    section, name = key.split(".")
    schema = Params.model_fields[section].annotation.model_fields[name].annotation
    known = ARCHITECTURES if key == "backbone.name" else get_args(schema)
    assert set(known) == set(CHOICES[key].split())
    comment = re.sub(r"[,:;.]", " ", LINES[line_of(key) - 1])
    assert set(CHOICES[key].split()) <= set(comment.split())


@pytest.mark.parametrize("key", LIMITS)
def test_a_number_at_its_limit_is_accepted(changed, key):
    for number in limits(key):
        assert value_at(load_params(changed({key: repr(number)})), key) == number


@pytest.mark.parametrize("key", LIMITS)
def test_a_number_beyond_its_limit_is_refused_with_the_limit(changed, complaint, key):
    for number, limit in zip(beyond(key), LIMITS[key].split(), strict=True):
        message = complaint(changed({key: repr(number)}))
        assert f"{key} = {number!r} is refused" in message
        assert message.split()[-1] == limit.strip("()")


@pytest.mark.parametrize("key", [*LIMITS, *AMOUNTS])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("many", "'many'"),
        ('"1e-5"', "'1e-5'"),  # quoted: text, though it looks like a number
        ('"100"', "'100'"),
        ("true", "True"),
        (".nan", "nan"),
        (".inf", "inf"),
        ("-.inf", "-inf"),
        ("[1]", "[1]"),
        ("{value: 1}", "{'value': 1}"),
    ],
)
def test_a_number_must_be_a_finite_number(changed, complaint, key, text, shown):
    message = complaint(changed({key: text}))
    assert f"{key} = {shown} is refused: input should be a " in message
    assert message.split()[-1] in ("integer", "number")


@pytest.mark.parametrize("key", [key for key in LIMITS if is_whole(key)])
def test_a_count_must_be_a_whole_number(changed, complaint, key):
    assert f"{key} = 64.0 is refused: input should be a valid integer" in complaint(
        changed({key: "64.0"})
    )


@pytest.mark.parametrize("key", CHOICES)
@pytest.mark.parametrize(("text", "shown"), [("other", "'other'"), ("1", "1"), ("true", "True")])
def test_a_word_that_is_no_choice_is_refused_with_all_choices(changed, complaint, key, text, shown):
    message = complaint(changed({key: text}))
    assert f"{key} = {shown} is refused" in message
    for choice in CHOICES[key].split():
        assert f"'{choice}'" in message


@pytest.mark.parametrize(("text", "shown"), [("1", "1"), ("yes", "'yes'"), ('"true"', "'true'")])
def test_a_switch_must_be_true_or_false(changed, complaint, text, shown):
    assert f"augmentation.flip = {shown} is refused: input should be a valid boolean" in complaint(
        changed({"augmentation.flip": text})
    )


@pytest.mark.parametrize("key", ["backbone.weights", "finetune.unfreeze_from"])
@pytest.mark.parametrize(("text", "shown"), [("3", "3"), ('""', "''"), ("2024-01-01", "date")])
def test_a_name_must_be_text_of_some_length(changed, complaint, key, text, shown):
    message = complaint(changed({key: text}))
    value, refused, reason = message.partition(f"{key} = ")[2].partition(" is refused: ")
    assert refused
    assert shown in value
    assert "string" in reason


def test_networks_may_stand_side_by_side(changed, complaint):
    both = "efficientnet_lite1+efficientnet_lite2"
    assert load_params(changed({"backbone.name": both})).backbone.name == both
    for wrong in ("vgg16+", "vgg16+vgg61", "+"):
        message = complaint(changed({"backbone.name": wrong}))
        assert f"backbone.name = '{wrong}' is refused" in message
        assert message.endswith("or several of them joined by +\n")
    assert "each network should be there once" in complaint(
        changed({"backbone.name": "vgg16+vgg16"})
    )


@pytest.mark.parametrize("key", [key for key in KEYS if key != "backbone.image_size"])
def test_null_is_refused_where_it_means_nothing(changed, complaint, key):
    assert f"{key} = None is refused" in complaint(changed({key: "null"}))


def test_a_null_image_size_stands_for_the_published_one(changed):
    assert load_params(changed({"backbone.image_size": "null"})).backbone.image_size is None


@pytest.mark.parametrize("text", ["1e-05", "1e-5", "1.0e-5", "0.00001"])
def test_a_small_number_is_a_number_however_it_is_written(changed, text):
    # DVC writes the first of these for `-S lr=1e-5`; YAML 1.1 would read it as text.
    lr = load_params(changed({"lr": text})).lr
    assert isinstance(lr, float)
    assert lr == 0.00001


def test_a_whole_number_does_for_a_fractional_one(changed):
    rotation = load_params(changed({"augmentation.rotation": "10"})).augmentation.rotation
    assert isinstance(rotation, float)


@pytest.mark.parametrize("key", AMOUNTS)
@pytest.mark.parametrize(("text", "kind"), [("1", int), ("1000000", int), ("0.5", float)])
def test_an_amount_is_a_count_or_a_share(changed, key, text, kind):
    amount = value_at(load_params(changed({key: text})), key)
    assert isinstance(amount, kind)
    assert amount == float(text)


@pytest.mark.parametrize("key", AMOUNTS)
@pytest.mark.parametrize("text", ["0", "-1", "1000001", "0.0", "1.0", "1.5", "-0.5", "1000.0"])
def test_neither_a_count_nor_a_share_is_refused_once_with_both_reasons(
    changed, complaint, key, text
):
    message = complaint(changed({key: text}))
    assert message.count(f"{key} = {text} is refused") == 1
    assert ", or input should be" in message


@pytest.mark.parametrize("key", ["learning_rate", "learning-rate", "int", "3"])
@pytest.mark.parametrize("section", ["", "subset.", "finetune."])
def test_an_unknown_key_is_named(tmp_path, complaint, section, key):
    lines = LINES.copy()
    if section:
        lines.insert(LINES.index(f"{section[:-1]}:") + 1, f"  {key}: 1")
    else:
        lines.append(f"{key}: 1")
    path = tmp_path / "params.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    said = complaint(path)
    assert said.startswith(f"error: {path}: {section}{key} = ")
    known = "train, validation, test, order" if section == "subset." else "epochs, patience"
    assert f"is unknown; known there are {'seed, lr' if not section else ''}" in said
    assert not section or known in said


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_is_named(tmp_path, complaint, key):
    path = tmp_path / "params.yaml"
    number = line_of(key)
    left = "\n".join(LINES[:number] + LINES[number + 1 :])
    # Sections of one key: without any, YAML reads nothing where a section is expected.
    if key in ("extract.views", "store.max_gb", "calibrate.most_wrong"):
        section = key.partition(".")[0]
        left = f"{left}\n".replace(f"\n{section}:\n", f"\n{section}: {{}}\n")
    path.write_text(left, encoding="utf-8")
    assert complaint(path) == f"error: {path}: {key} is missing\n"


def test_a_missing_section_is_named(tmp_path, complaint):
    path = tmp_path / "params.yaml"
    path.write_text("\n".join(LINES[: LINES.index("calibrate:")]), encoding="utf-8")
    assert complaint(path) == f"error: {path}: calibrate is missing\n"


def test_a_section_without_keys_is_refused(tmp_path, complaint):
    path = tmp_path / "params.yaml"
    start = LINES.index("calibrate:")
    path.write_text("\n".join([*LINES[:start], "calibrate: 10"]), encoding="utf-8")
    assert complaint(path) == (
        f"error: {path}: calibrate = 10 is refused: it should be keys with values\n"
    )


def test_all_bad_keys_are_named_at_once(changed, complaint):
    message = complaint(changed({"lr": "fast", "subset.train": "0", "finetune.epochs": "-1"}))
    for bad in ("lr = 'fast'", "subset.train = 0", "finetune.epochs = -1"):
        assert f"{bad} is refused" in message


@pytest.mark.parametrize("content", ["", "# nothing but a comment\n", "- a list\n", "a word\n"])
def test_a_file_without_keys_is_refused(tmp_path, complaint, content):
    path = tmp_path / "params.yaml"
    path.write_text(content)
    assert "the whole content" in complaint(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"seed: 1\nlr: [1\n", "line 3"),  # the bracket is missed where the file ends
        (b"seed: 1\nseed: 2\n", "line 2: found duplicate key"),
        (b"seed: 1\n\tlr: 1\n", "line 2"),
        (b"lr: !!python/object:os.system ls\n", "line 1"),  # no code is run from it
        (b"lr: \xff\n", "utf-8"),
        (b"lr: \x00\n", "special characters are not allowed"),
        (b"lr: 2024-13-45\n", "month"),
    ],
)
def test_what_is_not_yaml_is_refused_with_the_place_or_the_reason(
    tmp_path, complaint, content, reason
):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    message = complaint(path)
    assert "is not valid YAML" in message
    assert reason in message


def test_a_missing_file_is_refused_with_what_to_do(tmp_path, complaint):
    path = tmp_path / "params.yaml"
    assert f"git checkout {path}" in complaint(path)


def test_parameters_cannot_be_changed_after_reading():
    params = load_params(COMMITTED)
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 1


def test_a_refusal_is_a_user_error(changed):
    with pytest.raises(UserError):
        load_params(changed({"lr": "2"}))


@pytest.mark.parametrize("text", ["0", "1e-4", "10", "[0, 1e-4]"])
def test_the_penalty_is_a_strength_or_several(changed, text):
    found = load_params(changed({"train_head.l2": text})).train_head.l2
    assert str([float(part) for part in text.strip("[]").split(",")]) in (str(found), f"[{found}]")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("[0.1, 0.1]", "each should be there once"),
        ("[]", "at least 1 item"),
        ("[0.1, 11]", "less than or equal to 10"),
        ("-0.1", "greater than or equal to 0"),
        ("11", "less than or equal to 10"),
        (".nan", "finite number"),
        ("few", "valid number"),
    ],
)
def test_strengths_out_of_range_are_refused(changed, complaint, text, allowed):
    message = complaint(changed({"train_head.l2": text}))
    assert "train_head.l2 = " in message
    assert allowed in message


@pytest.mark.parametrize("text", ["block7a", "[block7a]", "[block7a, block5a]"])
def test_the_blocks_to_unfreeze_are_one_or_several(changed, text):
    found = load_params(changed({"finetune.unfreeze_from": text})).finetune.blocks
    assert found == text.strip("[]").split(", ")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("[block7a, block7a]", "each should be there once"),
        ("[]", "at least 1 item"),
        ("[block7a, '']", "at least 1 character"),
        ("[block7a, 5]", "valid string"),
    ],
)
def test_a_list_of_blocks_that_makes_no_sense_is_refused(changed, complaint, text, allowed):
    message = complaint(changed({"finetune.unfreeze_from": text}))
    assert "finetune.unfreeze_from = " in message
    assert allowed in message


def test_a_merge_that_was_left_unfinished_is_named(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("<<<<<<< HEAD\nlr: 0.1\n=======\nlr: 0.2\n>>>>>>> other\n")
    with pytest.raises(UserError, match=r"in the midst of a merge, .* line 1; finish the merge"):
        load_params(path)


def accepted_values() -> list[tuple[str, str]]:
    """Each key with values that it takes, as YAML text: limits, choices, other types."""
    values = [(key, repr(limit)) for key in LIMITS for limit in limits(key)]
    values += [(key, choice) for key, choices in CHOICES.items() for choice in choices.split()]
    values += [(key, amount) for key in AMOUNTS for amount in ("1", "1000000", "0.29", "1e-05")]
    switches = ("augmentation.flip", "evaluate.mirror", "subset.leave_out_copies")
    return [
        *values,
        *((key, value) for key in switches for value in ("true", "false")),
        ("download.check_names", "false"),
        ("backbone.name", "efficientnet_lite2+vgg16"),
        ("backbone.image_size", "null"),
        ("backbone.weights", "data/weights/own.weights.h5"),
        ("train_head.l2", "[0, 0.1, 1e-05]"),
        ("train_head.l2", "0"),
        ("finetune.unfreeze_from", "block4a"),
        ("finetune.unfreeze_from", "[block7a, block4a]"),
    ]


@pytest.mark.parametrize(("key", "value"), accepted_values())
def test_what_is_read_is_exactly_what_the_file_says(changed, key, value):
    """So that the schema changes no result, and no stage needs to depend on it."""
    path = changed({key: value})
    content = YAML(typ="safe", pure=True).load(path)
    read = load_params(path).model_dump()
    assert read == content
    assert repr(value_at(load_params(path), key)) == repr(number_of(content, key))


def number_of(content: dict, key: str) -> object:
    """Return what stands in the file, whole numbers as floats where the schema has those."""
    for part in key.split("."):
        content = content[part]
    of_floats = (key in LIMITS and not is_whole(key)) or key == "train_head.l2"
    if of_floats:
        return [float(part) for part in content] if isinstance(content, list) else float(content)
    return content
