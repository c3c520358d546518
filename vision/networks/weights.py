"""Weights of the convolutional bases: downloaded, or from a file."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import h5py
import keras

from vision.networks import efficientnet_lite
from vision.runtime.errors import UserError


class WeightsUnreachableError(UserError):
    """ImageNet weights that are to come over the network, from `url`, can't be had."""

    def __init__(self, message: str, url: str):
        super().__init__(message)
        self.url = url


def with_downloaded(
    network: Callable[..., keras.Model], shape: tuple[int, int, int]
) -> keras.Model:
    """Build a network of keras.applications with its ImageNet weights.

    Raises
    ------
    WeightsUnreachableError
        They are not on this machine, and their host can't be reached.
    """
    try:
        return network(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as error:
        # Keras raises a bare Exception for every failed download.
        if "URL fetch failure" not in str(error):
            raise
        url = re.search(r"https?://\S+", str(error))[0].removesuffix(":")
        raise WeightsUnreachableError(
            f"{urlsplit(url).netloc} could not be reached for the ImageNet weights of "
            f"{network.__name__}; set backbone.weights to a file of them, or to random, or "
            "backbone.name to efficientnet_lite0, which needs no network",
            url,
        ) from None


def load(base: keras.Model, path: Path) -> None:
    """Read a file of weights into a convolutional base.

    Raises
    ------
    UserError
        There is no such file, it is broken, or it holds another network's weights.
    """
    if not path.is_file():
        raise UserError(
            f"backbone.weights = {path} is neither imagenet nor random nor a file that is there"
        )
    if path.suffix == ".pth" and base.name.startswith("efficientnet_lite"):
        efficientnet_lite.load_checkpoint(base, path)
        return
    try:
        with h5py.File(path) as file:
            numbers = _count_numbers(file)
    except OSError:
        raise UserError(
            f"{path} is no file of Keras weights (.weights.h5 or .h5), or is cut short"
        ) from None
    # Keras would load a larger network's weights where only the lower layers agree.
    if numbers != base.count_params():
        raise UserError(
            f"{path} holds the weights of another network: {numbers:,} numbers, while "
            f"the convolutional base of {base.name} has {base.count_params():,}"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # the error says it all
            base.load_weights(path)
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} holds the weights of another network: {error}") from None


def _count_numbers(file: h5py.File) -> int:
    sizes: list[int] = []
    file.visititems(
        lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None
    )
    return sum(sizes)
