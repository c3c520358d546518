"""Fine-tune a model, or one of the networks that it has, where the pictures say that it pays.

A small network that is trained on the pictures and large ones that are as they were make different
mistakes. So one of several networks is trained with a head of its own, and then stands beside the
others: their log-probabilities are added, each times a weight that the validation pictures choose.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers

from vision.features import extraction
from vision.models.description import Description, class_probabilities
from vision.models.engine import Engine
from vision.networks import backbones, parts
from vision.params import Finetune, TrainHead
from vision.training import heads, stacking, unfreezing
from vision.training.checkpoint import Checkpoint
from vision.training.progress import HISTORY, OnEpoch
from vision.training.stored_features import Stored
from vision.training.unfreezing import Source

_MEASURES = ("validation_loss", "validation_accuracy")
_OTHERS = "others"


def finetune(
    model: keras.Model,
    description: Description,
    settings: Finetune,
    rates: Sequence[float],
    source: Source,
    head: TrainHead,
    checkpoint: Callable[[str], Checkpoint | None] = lambda name: None,
    on_epoch: OnEpoch | None = None,
) -> tuple[keras.Model, Description, pd.DataFrame, dict[str, object]]:
    """Fine-tune a model, and return the one with the least validation loss, or the model itself.

    None is trained where the model gets so few validation pictures wrong that they can't tell what
    is better.

    Parameters
    ----------
    model : a head upon a base that is as it was for its features.
    rates : the learning rates to try one after the other.
    head : how the heads are trained that one network of several gets, and the others.
    checkpoint, on_epoch : see `unfreezing.unfreeze_gradually`.

    Returns
    -------
    The model and its description; and the history and the summary of `unfreeze_gradually`. Where
    one network of several was trained, history and blocks are its own, all other figures those of
    the whole model; and the summary has besides, as stacked, the weights of its log-probabilities
    and of the others', with the loss and accuracy that these give.

    Raises
    ------
    UserError
        There is no such block or network, or blocks are out of order; or as `unfreeze_gradually`.
    """
    of_several = "+" in description.backbone
    network = backbones.of_network(settings.blocks[0])[0] if of_several else None
    unfreezing.check_order(model, description, settings.blocks)
    before = unfreezing.measure_head(model, description, settings, source)
    if not _is_worth_trying(settings, before, source):
        return model, description, pd.DataFrame(columns=HISTORY), _summary(before)
    if not network:
        history, summary, lowest = unfreezing.unfreeze_gradually(
            model, description, settings, rates, source, checkpoint, on_epoch
        )
        return model, replace(description, trained_from=lowest), history, summary
    return _one_of_several(
        model,
        description,
        network,
        settings,
        rates,
        source,
        head,
        before,
        checkpoint,
        on_epoch,
    )


def _one_of_several(
    model: keras.Model,
    description: Description,
    network: str,
    settings: Finetune,
    rates: Sequence[float],
    source: Source,
    head: TrainHead,
    before: Mapping[str, float],
    checkpoint: Callable[[str], Checkpoint | None],
    on_epoch: OnEpoch | None,
) -> tuple[keras.Model, Description, pd.DataFrame, dict[str, object]]:
    """Train one network with a head of its own, and put it beside the others if that is better."""
    conv_base = parts.conv_base(model)
    as_it_was = conv_base.get_weights()
    columns = _columns(model, description, network)
    stored = [replace(source.stored, columns=own) for own in columns]
    heads_of_both = []
    for name, own in zip((f"{network} alone", "the others"), stored, strict=True):
        print(f"heads of {name}:", flush=True)
        heads_of_both.append(_train(model, description, own, source, head))
    index = unfreezing.weighted_index(settings, source, "validation")
    labels = index["label"].map(description.classes.index).to_numpy()
    counted = index["sample_weight"].to_numpy()

    def together(*logs: np.ndarray) -> tuple[list[float], dict[str, float]]:
        weights = stacking.weigh(labels, logs, counted)
        return weights, stacking.measure(labels, logs, weights, counted)

    untrained, others = (
        _logs(of_own(own.rows("validation")[0], training=False))
        for of_own, own in zip(heads_of_both, stored, strict=True)
    )
    _, without = together(untrained, others)
    member, of_member = _member(model, description, network, heads_of_both[0])
    own_blocks = [backbones.of_network(block)[1] for block in settings.blocks]
    history, summary, lowest = unfreezing.unfreeze_gradually(
        member,
        of_member,
        settings.model_copy(update={"unfreeze_from": own_blocks}),
        rates,
        replace(source, stored=stored[0]),
        lambda name: checkpoint(f"{network}-{name}"),
        on_epoch,
    )
    paths = [source.subset / "validation" / file for file in index["file"]]
    weights, after = together(_logs(_outputs(member, paths)), others)
    least = min(each["validation_loss"] for each in (before, without))
    kept = lowest is not None and after["validation_loss"] < least
    print(
        f"{network} beside the others: validation loss {after['validation_loss']:.4f} with it "
        f"trained, {least:.4f} without{'' if kept else '; it stays as it was'}",
        flush=True,
    )
    whole = _summary(before, after if kept else before) | {
        "epochs": summary["epochs"],
        "best_epoch": summary["best_epoch"] if kept else 0,
        "blocks": summary["blocks"],
        "stacked": after | {"weights": dict(zip((network, _OTHERS), weights, strict=True))},
    }
    conv_base.trainable = False
    if not kept:
        conv_base.set_weights(as_it_was)
        return model, description, history, whole
    unpenalized = head.model_copy(update={"l2": 0.0})
    stacked = heads.stack(heads_of_both, columns, weights, unpenalized, source.seed)
    return (
        keras.Model(model.input, stacked(parts.features(model).output), name=model.name),
        replace(description, trained_from=f"{network}/{lowest}"),
        history,
        whole,
    )


def _summary(
    before: Mapping[str, float], after: Mapping[str, float] | None = None
) -> dict[str, object]:
    return {
        "epochs": 0,
        "best_epoch": 0,
        **{name: (after or before)[name] for name in _MEASURES},
        **{f"{name}_before": before[name] for name in _MEASURES},
        "blocks": {},
    }


def _is_worth_trying(settings: Finetune, before: Mapping[str, float], source: Source) -> bool:
    """Check whether the validation pictures can choose; say so where they can't."""
    if not settings.epochs:
        return False
    count = len(unfreezing.weighted_index(settings, source, "validation"))
    wrong = count - round(before["validation_accuracy"] * count)
    if wrong < settings.least_wrong:
        print(
            f"not fine-tuned: the head gets {wrong} of {count:,} validation pictures wrong, too "
            f"few to tell what is better (finetune.least_wrong = {settings.least_wrong})",
            flush=True,
        )
    return wrong >= settings.least_wrong


def _columns(model: keras.Model, description: Description, network: str) -> list[np.ndarray]:
    """Return the numbers of the features of a network, and of those of all others."""
    conv_base = parts.conv_base(model)
    numbers = np.arange(conv_base.output.shape[-1])
    own = numbers[backbones.columns(conv_base, description.backbone)[network]]
    return [own, np.setdiff1d(numbers, own)]


def _train(
    model: keras.Model,
    description: Description,
    stored: Stored,
    source: Source,
    settings: TrainHead,
) -> keras.Model:
    """Train a head on the features that are stored, some of those of a model."""
    last_maps = backbones.last_maps(parts.conv_base(model), description.backbone)[stored.columns]
    return heads.train(last_maps, stored, settings, source.seed, source.chosen)[0]


def _member(
    model: keras.Model, description: Description, network: str, head: keras.Model
) -> tuple[keras.Model, Description]:
    """Make a classifier of one of a model's networks, whose layers they share."""
    conv_base = parts.conv_base(model)
    own = conv_base.get_layer(network)
    pictures = keras.Input(model.input.shape[1:], name="pictures")
    prepared = conv_base.get_layer(f"{network}_input")(pictures)
    preprocessing = keras.Model(pictures, prepared, name=parts.PREPROCESSING)
    maps = keras.Model(own.input, own.output, name=parts.CONV_BASE)(preprocessing(pictures))
    features = layers.GlobalAveragePooling2D(name=parts.FEATURES)(maps)
    member = keras.Model(pictures, head(features), name="classifier")
    return member, replace(description, backbone=network)


def _logs(outputs: np.ndarray) -> np.ndarray:
    return stacking.logs(class_probabilities(np.asarray(outputs)))


def _outputs(model: keras.Model, paths: Sequence[Path]) -> np.ndarray:
    """Run a model over pictures."""
    network = Engine(model)
    outputs = np.empty((len(paths), network.numbers), np.float32)
    for number, row in extraction.rows(network, paths, "validation"):
        outputs[number] = row
    return outputs
