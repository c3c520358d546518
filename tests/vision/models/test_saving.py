import json
import os
import re
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from vision.models import saving
from vision.runtime.errors import UserError
from vision.runtime.program import run

DESCRIPTION = saving.Description(classes=["Kätzchen", "犬"], image_size=8, backbone="vgg16")
PICTURES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)


def build(classes=3):
    """Build a small network, of the kinds of layers that ours have, with the same weights."""
    keras.backend.clear_session()  # names are counted from 1 again, as in another process
    initial = keras.initializers.GlorotUniform(seed=1)
    inputs = keras.Input((8, 8, 3), name="pictures")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(4, 3, kernel_initializer=initial)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(classes, "softmax", kernel_initializer=initial)(x)
    return keras.Model(inputs, outputs, name="classifier")


def test_built_and_saved_anew_at_another_time_a_model_has_equal_bytes(tmp_path):
    first = build()  # kept, so that the second one is elsewhere in memory
    saving.save(first, DESCRIPTION, tmp_path / "one.keras")
    time.sleep(2.1)  # times in a zip go by two seconds
    saving.save(build(), DESCRIPTION, tmp_path / "two.keras")
    for suffix in ("keras", "json"):
        one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two


def test_a_model_is_the_same_after_it_was_saved_here_and_for_keras_alone(tmp_path):
    saving.save(build(classes=5), DESCRIPTION, tmp_path / "a.keras")  # is replaced
    model = build()
    before = model.predict(PICTURES, verbose=0)
    saving.save(model, DESCRIPTION, tmp_path / "a.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.keras"]
    opened, description = saving.load(tmp_path / "a.keras")
    assert description == DESCRIPTION
    assert np.array_equal(opened.predict(PICTURES, verbose=0), before)
    alone = keras.models.load_model(tmp_path / "a.keras", custom_objects={}, safe_mode=True)
    assert np.array_equal(alone.predict(PICTURES, verbose=0), before)


def test_the_description_is_json_that_people_can_read(tmp_path):
    saving.save(build(), DESCRIPTION, tmp_path / "a.keras")
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert '"Kätzchen"' in text
    assert json.loads(text) == {
        "classes": ["Kätzchen", "犬"],
        "image_size": 8,
        "backbone": "vgg16",
        "trained_from": None,
    }


def test_a_model_with_code_in_it_is_refused_in_one_line(tmp_path, capsys):
    inputs = keras.Input((2,))
    with_code = keras.Model(inputs, layers.Lambda(lambda x: x * 2)(inputs))
    saving.save(with_code, DESCRIPTION, tmp_path / "a.keras")
    with pytest.raises(SystemExit, match="1"):
        run(lambda: saving.load(tmp_path / "a.keras"))
    said = capsys.readouterr().err
    assert re.match(r"error: .*a\.keras is no model .* without running code.*Lambda", said)
    assert said.count("\n") == 1


def rewritten(path, change):
    """Change the configuration in a .keras file, as whoever means harm can."""
    with zipfile.ZipFile(path) as parts:
        contents = {name: parts.read(name) for name in parts.namelist()}
    config = json.loads(contents["config.json"])
    change(config)
    contents["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as parts:
        for name, content in contents.items():
            parts.writestr(name, content)


def layer_of(module, name, **config):
    """Put another object in the place of the layer that scales."""

    def change(content):
        layer = content["config"]["layers"][1]
        layer |= {"module": module, "class_name": name, "registered_name": name}
        layer["config"] = {"name": "rescaling", **config}

    return change


def activation_of(module, name, **config):
    """Put something else in the place of an activation function."""

    def change(content):
        layer = content["config"]["layers"][-1]
        layer["config"]["activation"] = {
            "module": module,
            "class_name": name,
            "config": config.get("config", name),
            "registered_name": name,
        }

    return change


# What is put into the file, and what of it is refused.
MALICE = {
    "a class of another package": (layer_of("subprocess", "Popen", args=["false"]), "Popen"),
    "a function of another package": (
        activation_of("builtins", "function", config="os.system"),
        "os.system",
    ),
    "code in an activation": (
        activation_of(
            "builtins", "__lambda__", config={"code": "4wAA", "defaults": None, "closure": None}
        ),
        "a Python lambda",
    ),
    "the switch of the safe mode": (
        activation_of("keras.config", "function", config="enable_unsafe_deserialization"),
        "not a modeling function",
    ),
    "a download": (
        activation_of("keras.utils", "get_file", config={"origin": "file:///etc/hosts"}),
        "not a modeling function",
    ),
    "a saved graph": (
        layer_of("keras.layers", "TFSMLayer", filepath="elsewhere"),
        "an external SavedModel",
    ),
    "a file of this machine": (
        layer_of("keras.layers", "StringLookup", vocabulary="/etc/hostname", num_oov_indices=1),
        "outside of the model archive",
    ),
    "an unknown layer": (layer_of("mine", "Layer"), "Could not locate class"),
}


@pytest.mark.parametrize(("change", "said"), MALICE.values(), ids=MALICE)
def test_a_model_with_anything_but_layers_is_refused(tmp_path, change, said):
    saving.save(build(), DESCRIPTION, tmp_path / "a.keras")
    rewritten(tmp_path / "a.keras", lambda _: None)
    saving.load(tmp_path / "a.keras")  # so that what is changed next is what is refused
    rewritten(tmp_path / "a.keras", change)
    with pytest.raises(UserError, match=f"without running code from it: .*{said}"):
        saving.load(tmp_path / "a.keras")
    assert keras.src.saving.serialization_lib.in_safe_mode() in {None, True}


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def no_zip(path):
    path.write_bytes(b"no model" * 100)


def no_weights(path):
    rewritten(path, lambda _: None)
    with zipfile.ZipFile(path) as parts:
        config = parts.read("config.json")
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("config.json", config)
        parts.writestr("metadata.json", "{}")


@pytest.mark.parametrize("spoil", [cut, no_zip, no_weights, Path.unlink])
def test_a_broken_model_is_refused(tmp_path, spoil):
    saving.save(build(), DESCRIPTION, tmp_path / "a.keras")
    spoil(tmp_path / "a.keras")
    with pytest.raises(UserError, match=r"a\.keras is no model"):
        saving.load(tmp_path / "a.keras")


@pytest.mark.parametrize("text", [None, "", "[]", '{"classes": []}'])
def test_a_broken_description_is_refused(tmp_path, text):
    saving.save(build(), DESCRIPTION, tmp_path / "a.keras")
    (tmp_path / "a.json").unlink() if text is None else (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json cannot be read as what describes"):
        saving.load(tmp_path / "a.keras")


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard link", "symlink"])
def test_nothing_is_written_through_a_link(tmp_path, link):
    kept, model = tmp_path / "kept", tmp_path / "a.keras"
    kept.write_bytes(b"as it was")
    link(kept, model)
    saving.save(build(), DESCRIPTION, model)
    assert kept.read_bytes() == b"as it was"
    assert saving.load(model)[1] == DESCRIPTION
