"""Fine-tune a model, or one of the networks that it has, where the pictures say that it pays.

A small network that is trained on the pictures and large ones that are as they were make different
mistakes. So one of several networks is trained with a head of its own, and then stands beside the
others: their log-probabilities are added, each times a weight that the validation pictures choose
(stacking: D. H. Wolpert, "Stacked generalization", Neural Networks 5, 1992).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from vision.features import extraction
from vision.models import calibration
from vision.models.description import Description, class_probabilities
from vision.models.engine import Engine
from vision.networks import backbones, parts
from vision.params import Finetune, TrainHead
from vision.runtime.errors import UserError
from vision.training import heads, unfreezing
from vision.training.checkpoint import Checkpoint
from vision.training.progress import HISTORY, OnEpoch
from vision.training.unfreezing import Source

_MEASURES = ("validation_loss", "validation_accuracy")
_OTHERS = "others"
# Of the log-probabilities of a model.
_MOST_WEIGHT = 10.0


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
    network = _network(settings)
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
    untrained = conv_base.get_weights()
    columns = _columns(model, description, network, head)
    heads_of_both = [_train(model, description, source, head, own) for own in columns]
    member, of_member = _member(model, description, network, heads_of_both[0])
    own_blocks = [backbones.of_network(block)[1] for block in settings.blocks]
    history, summary, lowest = unfreezing.unfreeze_gradually(
        member,
        of_member,
        settings.model_copy(update={"unfreeze_from": own_blocks}),
        rates,
        replace(source, stored=replace(source.stored, columns=columns[0])),
        lambda name: checkpoint(f"{network}-{name}"),
        on_epoch,
    )
    index = unfreezing.weighted_index(settings, source, "validation")
    others = replace(source.stored, columns=columns[1]).rows("validation")[0]
    outputs = [
        _outputs(member, [source.subset / "validation" / file for file in index["file"]]),
        np.asarray(heads_of_both[1](others, training=False)),
    ]
    logs = [np.log(np.maximum(class_probabilities(each), calibration.LEAST)) for each in outputs]
    labels = index["label"].map(description.classes.index).to_numpy()
    counted = index["sample_weight"].to_numpy()
    weights = weigh(labels, logs, counted)
    after = _measure(labels, logs, counted, weights)
    kept = lowest is not None and after["validation_loss"] < before["validation_loss"]
    print(
        f"{network} beside the others: validation loss {before['validation_loss']:.4f} before, "
        f"{after['validation_loss']:.4f} with it trained{'' if kept else '; it stays as it was'}",
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
        conv_base.set_weights(untrained)
        return model, description, history, whole
    stacked = heads.stack(heads_of_both, columns, weights, head)
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


def _network(settings: Finetune) -> str | None:
    """Return the one network whose blocks are trained; None: all of them."""
    networks = {backbones.of_network(block)[0] for block in settings.blocks}
    if len(networks) > 1:
        raise UserError(
            f"finetune.unfreeze_from = [{', '.join(settings.blocks)}] has blocks of several "
            "networks; write those of one, or none with a network's name"
        )
    return networks.pop()


def _columns(
    model: keras.Model, description: Description, network: str, head: TrainHead
) -> list[np.ndarray]:
    """Return the numbers of the features of a network, and of those of all others."""
    flattened = not isinstance(parts.features(model), layers.GlobalAveragePooling2D)
    if flattened or head.hidden_units:
        raise UserError(
            f"finetune.unfreeze_from names a block of {network} alone, which takes "
            "backbone.pooling = avg or levels, and train_head.hidden_units = 0; write the block "
            "without the network, which trains all of them"
        )
    conv_base = parts.conv_base(model)
    numbers = np.arange(conv_base.output.shape[-1])
    own = numbers[backbones.columns(conv_base, description.backbone)[network]]
    return [own, np.setdiff1d(numbers, own)]


def _train(
    model: keras.Model,
    description: Description,
    source: Source,
    settings: TrainHead,
    columns: np.ndarray,
) -> keras.Model:
    """Train a head on some of the features."""
    last_maps = backbones.last_maps(parts.conv_base(model), description.backbone)[columns]
    stored = replace(source.stored, columns=columns)
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


def _outputs(model: keras.Model, paths: Sequence[Path]) -> np.ndarray:
    """Run a model over pictures."""
    network = Engine(model)
    outputs = np.empty((len(paths), network.numbers), np.float32)
    for number, row in extraction.rows(network, paths, "validation"):
        outputs[number] = row
    return outputs


def weigh(
    labels: np.ndarray, logs: Sequence[np.ndarray], sample_weights: np.ndarray | float = 1.0
) -> list[float]:
    """Find the weights, 0 and above, of models' log-probabilities whose sum is best.

    Parameters
    ----------
    labels : class numbers, shape (pictures,).
    logs : of each model, shape (pictures, classes).
    sample_weights : what each picture counts, shape (pictures,), 1 in the mean.
    """
    stacked = np.stack(logs)
    of_labels = stacked[:, np.arange(len(labels)), labels]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(weights, stacked, 1)
        own = log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
        expected = (softmax(logits, axis=1) * stacked).sum(axis=2)
        gradient = (sample_weights * (expected - of_labels)).mean(axis=1)
        return float(-(sample_weights * own).mean()), gradient

    start = np.full(len(logs), 1 / len(logs))
    bounds = [(0, _MOST_WEIGHT)] * len(logs)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return [round(float(weight), 4) for weight in found]


def _measure(
    labels: np.ndarray,
    logs: Sequence[np.ndarray],
    sample_weights: np.ndarray,
    weights: Sequence[float],
) -> dict[str, float]:
    logits = np.tensordot(weights, np.stack(logs), 1)
    own = log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    return dict(zip(_MEASURES, (float(-(sample_weights * own).mean()), accuracy), strict=True))
