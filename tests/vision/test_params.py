import math
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from vision.networks.architectures import ARCHITECTURES
from vision.params import Params, load_params
from vision.runtime.program import run

COMMITTED = Path(__file__).parents[2] / "params.yaml"
COMMENTED = COMMITTED.read_text(encoding="utf-8").splitlines()
# What is read so often here is read faster without comments.
LINES = [line for line in COMMENTED if not line.strip().startswith("#")]

SCHEMA = Params.model_json_schema()


def resolved(schema: dict) -> dict:
    return SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


# Of every key what the schema says of it; of a number, whether it is there or null.
FIELDS = {
    f"{name}.{inner}" if inner else name: field.get("anyOf", [field])[0] | field
    for name, section in SCHEMA["properties"].items()
    for inner, field in resolved(section).get("properties", {"": section}).items()
}
AMOUNTS = ("subset.train", "subset.validation", "subset.test")
# A number, or a list of them.
NUMBERS = ("lr", "backbone.image_size", "train_head.l2")
# Every key that is a number, with its limits; those in brackets are themselves refused.
LIMITS = {
    key: [
        str(field[f"{end}imum"]).removesuffix(".0")
        if f"{end}imum" in field
        else "({})".format(str(field[f"exclusive{end.title()}imum"]).removesuffix(".0"))
        for end in ("min", "max")
    ]
    for key, field in FIELDS.items()
    if field.get("type") in ("integer", "number")
    if key not in (*AMOUNTS, *NUMBERS)
}
# Every key that is one of some words.
CHOICES = {key: field["enum"] for key, field in FIELDS.items() if "enum" in field}
CHOICES["backbone.name"] = list(ARCHITECTURES)


def line_of(key: str, lines: list[str] = LINES) -> int:
    """Find the line of params.yaml that holds a key, given as `section.key` or `key`."""
    *section, name = key.split(".")
    start = lines.index(f"{section[0]}:") if section else 0
    indented = f"  {name}:" if section else f"{name}:"
    return next(n for n in range(start, len(lines)) if lines[n].startswith(indented))


def is_whole(key: str) -> bool:
    return FIELDS[key]["type"] == "integer"


def comment_on(key: str) -> str:
    comment = COMMENTED[line_of(key, COMMENTED) - 1].strip()
    assert comment.startswith("# ")
    return comment


def at_limits(key: str, inwards: bool) -> list[float]:
    """The last numbers that are accepted, or the first that are refused below and above."""
    numbers = []
    for text, end in zip(LIMITS[key], (-math.inf, math.inf), strict=True):
        limit = (int if is_whole(key) else float)(text.strip("()"))
        if text.startswith("(") == inwards:
            towards = -end if inwards else end
            step = int(math.copysign(1, towards))
            limit = limit + step if is_whole(key) else math.nextafter(limit, towards)
        numbers.append(limit)
    return numbers


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


@pytest.mark.parametrize("key", FIELDS)
def test_the_comment_above_each_key_tells_the_limits_and_all_choices(key):
    comment = comment_on(key).replace(",", " ").replace(".", " .").replace("0 .", "0.")
    words = {word.strip("(;:.") for word in comment.split()}
    assert {limit.strip("()") for limit in LIMITS.get(key, [])} <= words
    if key == "backbone.name":  # too many for a comment, which says where they are
        comment = (COMMITTED.parent / "docs/reference/parameters.md").read_text().replace("`", "")
    assert set(CHOICES.get(key, [])) <= set(re.sub(r"[,:;.]", " ", comment).split())
    assert key not in LIMITS or is_whole(key) == ("integer" in comment.lower())


@pytest.mark.parametrize("key", LIMITS)
def test_a_number_beyond_its_limit_is_refused_with_the_limit(changed, complaint, key):
    for number, limit in zip(at_limits(key, inwards=False), LIMITS[key], strict=True):
        message = complaint(changed({key: repr(number)}))
        assert f"{key} = {number!r} is refused" in message
        assert message.split()[-1] == limit.strip("()")


@pytest.mark.parametrize("key", [*LIMITS, *AMOUNTS])
def test_a_number_must_be_a_finite_number(changed, complaint, key):
    # Quoted, what looks like a number is text.
    wrong = {
        **{"many": "'many'", '"1e-5"': "'1e-5'", '"100"': "'100'", "true": "True"},
        **{
            ".nan": "nan",
            ".inf": "inf",
            "-.inf": "-inf",
            "[1]": "[1]",
            "{value: 1}": "{'value': 1}",
        },
        **({"64.0": "64.0"} if key in LIMITS and is_whole(key) else {}),
    }
    for text, shown in wrong.items():
        message = complaint(changed({key: text}))
        assert f"{key} = {shown} is refused: input should be a " in message
        assert message.split()[-1] in ("integer", "number")


@pytest.mark.parametrize("key", CHOICES)
def test_a_word_that_is_no_choice_is_refused_with_all_choices(changed, complaint, key):
    for text, shown in {"other": "'other'", "1": "1", "true": "True"}.items():
        message = complaint(changed({key: text}))
        assert f"{key} = {shown} is refused" in message
        assert all(f"'{choice}'" in message for choice in CHOICES[key])


TWICE = "each should be there once"


@pytest.mark.parametrize(
    ("key", "text", "shown", "reason"),
    [
        ("augmentation.flip", "1", "1", "a valid boolean"),
        ("augmentation.flip", "yes", "'yes'", "a valid boolean"),
        ("augmentation.flip", '"true"', "'true'", "a valid boolean"),
        ("backbone.name", "vgg16+", "'vgg16+'", "or several of them joined by +"),
        ("backbone.name", "vgg16+vgg61", "'vgg16+vgg61'", "or several of them joined by +"),
        ("backbone.name", "vgg16+vgg16", "'vgg16+vgg16'", "each network should be there once"),
        (
            "subset.group_by",
            "patient",
            "'patient'",
            "column, folder, copies, a time such as '30 s'",
        ),
        ("subset.group_by", "'(a)_(b)'", "'(a)_(b)'", "with one pair of brackets around a part"),
        ("subset.group_by", "'(a'", "'(a'", "it should be a regular expression (missing )"),
        ("subset.group_by", "30", "30", "string"),
        *(
            (key, text, shown, "string")
            for key in ("backbone.weights", "finetune.unfreeze_from")
            for text, shown in (("3", "3"), ('""', "''"), ("2024-01-01", "datetime"))
        ),
        ("lr", "[0.1, 0.1]", "[0.1, 0.1]", TWICE),
        ("lr", "[]", "[]", "at least 1 item"),
        ("lr", "[0.1, 1.1]", "", "less than or equal to 1"),
        ("lr", "0", "0", "greater than 0"),
        ("backbone.image_size", "[]", "[]", "at least 1 item"),
        ("backbone.image_size", "[64, 31]", "", "greater than or equal to 32"),
        ("backbone.image_size", "[64, 64.0]", "", "valid integer"),
        ("backbone.image_size", "1025", "1025", "less than or equal to 1024"),
        ("train_head.l2", "[0.1, 0.1]", "[0.1, 0.1]", TWICE),
        ("train_head.l2", "[]", "[]", "at least 1 item"),
        ("train_head.l2", "[0.1, 11]", "", "less than or equal to 10"),
        ("train_head.l2", "-0.1", "-0.1", "greater than or equal to 0"),
        ("train_head.l2", "11", "11", "less than or equal to 10"),
        ("train_head.l2", ".nan", "nan", "finite number"),
        ("train_head.l2", "few", "'few'", "valid number"),
        ("finetune.unfreeze_from", "[block7a, block7a]", "['block7a', 'block7a']", TWICE),
        ("finetune.unfreeze_from", "[]", "[]", "at least 1 item"),
        ("finetune.unfreeze_from", "[block7a, '']", "", "at least 1 character"),
        ("finetune.unfreeze_from", "[block7a, 5]", "", "valid string"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    changed, complaint, key, text, shown, reason
):
    message = complaint(changed({key: text}))
    assert f" {key}" in message
    assert f"= {shown}" in message
    assert reason in message


SEVERAL, ONE = "efficientnet_lite0+efficientnet_lite1", "[efficientnet_lite0/block5a]"


@pytest.mark.parametrize(
    ("name", "sizes", "blocks", "pooling", "said"),
    [
        (SEVERAL, "[64, 64, 64]", ONE, "avg", ["sizes for 3 networks, and backbone.name names 2;"]),
        (
            "vgg16",
            "[64, 64]",
            ONE,
            "avg",
            [
                "sizes for 2 networks, and backbone.name names 1;",
                "no network of backbone.name, which has",
            ],
        ),
        (SEVERAL, "64", "[efficientnet_lite0/top, top]", "avg", ["is not all of one network"]),
        (SEVERAL, "64", ONE, "none", ["which takes backbone.pooling = avg or levels; write"]),
        ("efficientnet_lite0", "64", ONE, "none", []),
        (SEVERAL, "[64, 64]", "[top, block7a]", "none", []),
    ],
)
def test_what_does_not_fit_together_is_refused_before_anything_runs(
    changed, complaint, name, sizes, blocks, pooling, said
):
    keys = ("name", "image_size", "pooling")
    values = dict(zip([f"backbone.{key}" for key in keys], (name, sizes, pooling), strict=True))
    path = changed(values | {"finetune.unfreeze_from": blocks})
    if not said:
        load_params(path)
        return
    message = complaint(path)
    assert message.count("\n") == 1
    for part in said:
        assert part in message


@pytest.mark.parametrize("key", [key for key in FIELDS if "null:" not in comment_on(key)])
def test_null_is_refused_where_it_means_nothing(changed, complaint, key):
    assert f"{key} = None is refused" in complaint(changed({key: "null"}))


@pytest.mark.parametrize("key", AMOUNTS)
def test_neither_a_count_nor_a_share_is_refused_once_with_both_reasons(changed, complaint, key):
    for text in ("0", "-1", "1000001", "0.0", "1.0", "1.5", "-0.5", "1000.0"):
        message = complaint(changed({key: text}))
        assert message.count(f"{key} = {text} is refused") == 1
        assert ", or input should be" in message


@pytest.mark.parametrize("key", ["learning_rate", "learning-rate", "int", "3"])
@pytest.mark.parametrize(
    ("section", "known"),
    [("", "seed, lr"), ("subset.", "train, validation, test, order"), ("finetune.", "epochs, pat")],
)
def test_an_unknown_key_is_named_with_those_that_are_known(
    tmp_path, complaint, section, known, key
):
    lines = LINES.copy()
    if section:
        lines.insert(LINES.index(f"{section[:-1]}:") + 1, f"  {key}: 1")
    else:
        lines.append(f"{key}: 1")
    path = tmp_path / "params.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    said = complaint(path)
    assert said.startswith(f"error: {path}: {section}{key} = ")
    assert "is unknown; known there are " in said
    assert known in said


@pytest.mark.parametrize("key", FIELDS)
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


def test_a_section_that_is_missing_or_without_keys_is_named(tmp_path, complaint):
    path = tmp_path / "params.yaml"
    before = "\n".join(LINES[: LINES.index("calibrate:")])
    path.write_text(before, encoding="utf-8")
    assert complaint(path) == f"error: {path}: calibrate is missing\n"
    path.write_text(f"{before}\ncalibrate: 10", encoding="utf-8")
    assert complaint(path) == (
        f"error: {path}: calibrate = 10 is refused: it should be keys with values\n"
    )


def test_all_bad_keys_are_named_at_once(changed, complaint):
    message = complaint(changed({"lr": "fast", "subset.train": "0", "finetune.epochs": "-1"}))
    for bad in ("lr = 'fast'", "subset.train = 0", "finetune.epochs = -1"):
        assert f"{bad} is refused" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        *((content, "the whole content") for content in (b"", b"# a comment\n", b"- a\n", b"a\n")),
        # The bracket is missed where the file ends.
        (b"seed: 1\nlr: [1\n", "is not valid YAML.*line 3"),
        (b"seed: 1\nseed: 2\n", "is not valid YAML.*line 2: found duplicate key"),
        # No code is run from it.
        (b"lr: !!python/object:os.system ls\n", "is not valid YAML.*line 1"),
        (b"lr: \xff\n", "is not valid YAML.*utf-8"),
        (b"lr: \x00\n", "is not valid YAML.*special characters are not allowed"),
        (b"lr: 2024-13-45\n", "is not valid YAML.*month"),
        (
            b"<<<<<<< HEAD\nlr: 0.1\n=======\nlr: 0.2\n>>>>>>> other\n",
            "in the midst of a merge, .* line 1; finish the merge",
        ),
    ],
)
def test_what_is_not_yaml_is_refused_with_the_place_or_the_reason(
    tmp_path, complaint, content, reason
):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    assert re.search(reason, complaint(path))


def test_a_missing_file_is_refused_with_what_to_do(tmp_path, complaint):
    path = tmp_path / "params.yaml"
    assert f"git checkout {path}" in complaint(path)


@pytest.mark.parametrize("text", ["block7a", "[block7a]", "[block7a, block5a]"])
def test_the_blocks_to_unfreeze_are_one_or_several(changed, text):
    found = load_params(changed({"finetune.unfreeze_from": text})).finetune.blocks
    assert found == text.strip("[]").split(", ")


def accepted_values() -> list[tuple[str, str]]:
    """Each key with values that it takes, as YAML text: limits, choices, other types."""
    values = [(key, repr(limit)) for key in LIMITS for limit in at_limits(key, inwards=True)]
    values += [(key, choice) for key, choices in CHOICES.items() for choice in choices]
    values += [(key, amount) for key in AMOUNTS for amount in ("1", "1000000", "0.29", "1e-05")]
    switches = ("augmentation.flip", "evaluate.mirror")
    switches += ("subset.leave_out_copies", "subset.strict")
    return [
        *values,
        *((key, value) for key in switches for value in ("true", "false")),
        # DVC writes the first of these for `-S lr=1e-5`; YAML 1.1 would read it as text.
        *(("lr", text) for text in ("1e-05", "1e-5", "1.0e-5", "0.00001")),
        ("augmentation.rotation", "10"),
        ("download.check_names", "false"),
        *(("subset.group_by", text) for text in ("none", "column", "folder", "copies")),
        *(("subset.group_by", text) for text in ("30 s", "0.5s", "'^(.+)_\\d'")),
        ("backbone.name", "efficientnet_lite2+vgg16"),
        *(("lr", text) for text in ("1", "[1.0, 1e-05]")),
        *(("backbone.image_size", text) for text in ("null", "32", "1024", "[224, 340, 340]")),
        ("backbone.weights", "data/weights/own.weights.h5"),
        ("train_head.l2", "[0, 0.1, 1e-05]"),
        ("train_head.l2", "0"),
        ("finetune.unfreeze_from", "block4a"),
        ("finetune.unfreeze_from", "[block7a, block4a]"),
    ]


@pytest.mark.parametrize(("key", "value"), accepted_values())
def test_what_is_read_is_exactly_what_the_file_says(changed, key, value):
    """So that the schema changes no result, and no stage needs to depend on it."""
    fits_all = {"backbone.image_size": "224", "finetune.unfreeze_from": "block5a"}
    path = changed({key: value} if key == "backbone.image_size" else fits_all | {key: value})
    content = YAML(typ="safe", pure=True).load(path)
    read = load_params(path).model_dump()
    assert read == content
    found = read
    for part in key.split("."):
        found = found[part]
    assert repr(found) == repr(number_of(content, key))


def number_of(content: dict, key: str) -> object:
    """Return what stands in the file, whole numbers as floats where the schema has those."""
    for part in key.split("."):
        content = content[part]
    of_floats = key in (*LIMITS, *NUMBERS) and not is_whole(key)
    if of_floats:
        return [float(part) for part in content] if isinstance(content, list) else float(content)
    return content
