import json
import time
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from vision import models

DESCRIPTION = models.Description(classes=["Kätzchen", "犬"], image_size=8, backbone="vgg16")
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


def test_saved_at_another_time_a_model_has_equal_bytes(tmp_path):
    model = build()
    models.save(model, DESCRIPTION, tmp_path / "one.keras")
    time.sleep(2.1)  # times in a zip go by two seconds
    models.save(model, DESCRIPTION, tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_built_and_saved_anew_a_network_has_equal_bytes(tmp_path):
    first = build()  # kept, so that the second one is elsewhere in memory
    second = build()
    models.save(first, DESCRIPTION, tmp_path / "one.keras")
    models.save(second, DESCRIPTION, tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()


def test_other_weights_give_other_bytes(tmp_path):
    model = build()
    models.save(model, DESCRIPTION, tmp_path / "one.keras")
    model.set_weights([weights + 1 for weights in model.get_weights()])
    models.save(model, DESCRIPTION, tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() != (tmp_path / "two.keras").read_bytes()


def test_a_model_opens_in_keras_alone_in_safe_mode(tmp_path):
    model = build()
    models.save(model, DESCRIPTION, tmp_path / "a.keras")
    opened = keras.models.load_model(tmp_path / "a.keras", custom_objects={}, safe_mode=True)
    assert opened.count_params() == model.count_params()


def test_a_model_predicts_the_same_after_it_was_saved(tmp_path):
    model = build()
    before = model.predict(PICTURES, verbose=0)
    models.save(model, DESCRIPTION, tmp_path / "a.keras")
    opened, _ = models.load(tmp_path / "a.keras")
    assert np.array_equal(opened.predict(PICTURES, verbose=0), before)


def test_saving_replaces_what_was_there(tmp_path):
    models.save(build(classes=3), DESCRIPTION, tmp_path / "a.keras")
    models.save(build(classes=5), DESCRIPTION, tmp_path / "a.keras")
    opened, _ = models.load(tmp_path / "a.keras")
    assert opened.output.shape == (None, 5)


def test_the_description_is_read_as_it_was_written(tmp_path):
    models.save(build(), DESCRIPTION, tmp_path / "a.keras")
    assert models.load(tmp_path / "a.keras")[1] == DESCRIPTION


def test_the_description_is_json_that_people_can_read(tmp_path):
    models.save(build(), DESCRIPTION, tmp_path / "a.keras")
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert '"Kätzchen"' in text
    assert json.loads(text) == {
        "classes": ["Kätzchen", "犬"],
        "image_size": 8,
        "backbone": "vgg16",
        "trained_from": None,
    }


def test_a_model_with_code_in_it_is_refused(tmp_path):
    inputs = keras.Input((2,))
    with_code = keras.Model(inputs, layers.Lambda(lambda x: x * 2)(inputs))
    models.save(with_code, DESCRIPTION, tmp_path / "a.keras")
    with pytest.raises(ValueError, match="Lambda"):
        models.load(tmp_path / "a.keras")


def test_nothing_is_left_beside_the_model_and_its_description(tmp_path):
    models.save(build(), DESCRIPTION, tmp_path / "a.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.keras"]
    with zipfile.ZipFile(tmp_path / "a.keras") as parts:
        assert parts.testzip() is None
