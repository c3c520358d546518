"""Reads the tensors of a legacy (non-zip) PyTorch checkpoint without PyTorch.

Such a file is five pickles - a magic number, a protocol version, the writer's word sizes, the
state dict, the keys of its storages - followed by the raw storages, each an element count of
eight bytes and its elements. The unpickler admits what tensors are made of and nothing else, so
that a file can't run code.
"""

import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO

import numpy as np

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage:
    """One storage: its elements are read from behind the pickles."""

    def __init__(self, dtype: np.dtype, size: int):
        self.size = size
        self.elements = np.empty(0, dtype)


class _TensorUnpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _View
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a file of tensors")

    def persistent_load(self, identifier: tuple) -> _Storage:
        kind, dtype, key, _device, size, _view = identifier
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"{kind!r} is not a storage")
        return self.storages.setdefault(key, _Storage(dtype, size))


class _View:
    """A tensor: a strided view of a storage that isn't read yet."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple, strides: tuple, *_: object):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        elements = self.storage.elements
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        # With strides of 0, few elements would make a tensor of any size.
        too_many = math.prod(self.shape) > elements.size
        if too_many or min((self.offset, *self.strides)) < 0 or last >= elements.size:
            raise pickle.UnpicklingError("a tensor reaches beyond its storage")
        strides = [stride * elements.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, strides)
        return np.ascontiguousarray(view)


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict: the name of each tensor and its values (float32 or int64).

    Raises
    ------
    pickle.UnpicklingError
        The file is not such a checkpoint, is cut short, or holds anything but tensors.
    """
    with path.open("rb") as file:
        unpickler = _TensorUnpickler(file)
        magic, protocol, _writer = (_TensorUnpickler(file).load() for _ in range(3))
        if (magic, protocol) != (_MAGIC_NUMBER, _PROTOCOL_VERSION):
            raise pickle.UnpicklingError(f"{path} is not a legacy PyTorch checkpoint")
        views = unpickler.load()
        for key in _TensorUnpickler(file).load():
            storage = unpickler.storages[key]
            count = int.from_bytes(file.read(8), "little")
            left = path.stat().st_size - file.tell()
            if count != storage.size or count * storage.elements.itemsize > left:
                raise pickle.UnpicklingError(f"{path} is cut short")
            storage.elements = np.fromfile(file, storage.elements.dtype, count)
    return {name: view.array() for name, view in views.items()}
