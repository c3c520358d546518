"""The densely connected classifier on top of the features, and its training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from keras import initializers, layers, regularizers

from vision.models.description import Description, class_probabilities
from vision.networks import backbones, parts
from vision.params import TrainHead
from vision.training import batches, lbfgs, loop, optimization, stacking
from vision.training.batches import Batches
from vision.training.progress import OnEpoch
from vision.training.stored_features import Stored

_SCALE, _HIDDEN, _OUTPUT = "scale", "hidden", "probabilities"
# Added to each feature's variance: one that is the same in all pictures stays near 0.
_LEAST_VARIANCE = 1e-6


def build_head(
    features: int, classes: int, settings: TrainHead, seed: int, scaled: bool = False
) -> keras.Model:
    """Build an untrained head from features to probabilities.

    Two classes: one sigmoid unit, the probability of the second. More: softmax.

    Parameters
    ----------
    features : the length of a picture's features.
    classes : how many there are, 2 or more.
    seed : of the initial weights and of the dropout.
    scaled : whether a layer scales the features first, by weights that no training changes: a
        factor, a mean that is taken off, and a variance.
    """

    def dense(units: int, activation: str, name: str) -> layers.Layer:
        return layers.Dense(
            units,
            activation,
            kernel_initializer=initializers.GlorotUniform(seed),
            kernel_regularizer=regularizers.L2(settings.l2) if settings.l2 else None,
            name=name,
        )

    inputs = keras.Input((features,), name="features")
    x = inputs
    if scaled:
        x = layers.BatchNormalization(
            center=False, epsilon=_LEAST_VARIANCE, trainable=False, name=_SCALE
        )(x)
    if settings.hidden_units:
        x = dense(settings.hidden_units, "relu", _HIDDEN)(x)
    x = layers.Dropout(settings.dropout, seed=seed, name="dropout")(x)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return keras.Model(inputs, dense(units, activation, _OUTPUT)(x), name=parts.HEAD)


@dataclass(frozen=True)
class _Trained:
    """A head that competes with others.

    Attributes
    ----------
    history, summary : of `loop.fit`; the summary has the strength of the penalty besides, l2, and
        whether the head takes the means of larger maps, levels.
    """

    head: keras.Model
    history: pd.DataFrame
    summary: dict[str, float | int]

    @property
    def loss(self) -> float:
        """The summary's, on the validation pictures."""
        return self.summary["validation_loss"]


def fit(
    extractor: keras.Model,
    backbone: str,
    stored: Stored,
    settings: TrainHead,
    seed: int,
    chosen: np.ndarray | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[keras.Model, Description, pd.DataFrame, dict[str, object]]:
    """Train heads on what an extractor made of the training pictures, and put the best onto it.

    Parameters
    ----------
    backbone : the name of the extractor's.
    stored, settings, seed, chosen, on_epoch : see `train`.

    Returns
    -------
    The model from pictures to probabilities, and its description; and the history and the summary
    of `train`.
    """
    maps = last_maps(extractor, backbone)
    head, classes, history, summary = train(maps, stored, settings, seed, chosen, on_epoch)
    whole = keras.Model(extractor.input, head(extractor.output), name="classifier")
    return whole, Description(classes, extractor.input.shape[1], backbone), history, summary


def train(
    last_maps: np.ndarray,
    stored: Stored,
    settings: TrainHead,
    seed: int,
    chosen: np.ndarray | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[keras.Model, list[str], pd.DataFrame, dict[str, object]]:
    """Train heads on stored features, and return the best, or two of them beside each other.

    Of the strengths of the penalty, the one with the least validation loss is kept. Where the
    pictures are to tell whether larger maps help, the best head on the last maps alone and the best
    on all become one, by `stacking`.
    In all of these losses, `train_head.class_weight` says what a picture counts; in those of
    validation by the validation pictures' own numbers, else what is best for the commonest class
    would be chosen.

    Parameters
    ----------
    last_maps : for each feature whether it is of the last maps, shape (features,).
    chosen : the indices of the training pictures to train on, if not all.
    on_epoch : called after each epoch, with the history so far; where several heads compete, once,
        with that of the best.

    Returns
    -------
    The head and its classes; and the history and the summary of `loop.fit`, which has besides: l2,
    and levels, whether the head takes the means of larger maps. Of two beside each other, all of
    that is of the better one, but for the validation loss and accuracy; and the summary has those
    of each, its l2 and its weight, as heads.
    """
    classes = sorted(set(stored.labels("train")))
    labels = {
        split: np.array([classes.index(label) for label in stored.labels(split)])
        for split in ("train", "validation")
    }
    if chosen is None:
        chosen = np.arange(len(labels["train"]))
    labels["train"] = labels["train"][chosen]
    given = {"train": stored.weights("train")[chosen], "validation": stored.weights("validation")}
    weights = {
        split: optimization.sample_weights(settings.class_weight, numbers, given[split])
        for split, numbers in labels.items()
    }
    at_once = settings.optimizer == "lbfgs"
    sets = (
        _examples(stored, labels, weights, chosen)
        if at_once
        else _batches(stored, labels, weights, chosen, settings.batch_size, seed)
    )
    choices = [False, True] if settings.levels == "auto" else [settings.levels]
    if last_maps.all():
        choices = [True]
    strengths = settings.l2 if isinstance(settings.l2, list) else [settings.l2]

    compete = len(strengths) * len(choices) > 1
    watch = None if compete else on_epoch

    def train(levels: bool, l2: float) -> _Trained:
        own = settings.model_copy(update={"l2": l2})
        scaled = settings.standardize or not levels
        head = build_head(len(last_maps), len(classes), own, seed, scaled)
        if scaled:
            rows = stored.rows("train")[0][chosen] if settings.standardize else None
            head.get_layer(_SCALE).set_weights(_scale(last_maps | levels, rows))
        if at_once:
            above, scaled_sets = _above_scale(head, sets) if scaled else (head, sets)
            history, summary = lbfgs.fit(above, *scaled_sets, own, watch)
        else:
            history, summary = loop.fit(head, *sets, own, own.learning_rate, on_epoch=watch)
        if compete:
            maps = "the last maps" if last_maps.all() or not levels else "larger maps, too"
            print(
                f"head on {maps}, with an L2 penalty of {l2:g}: validation loss "
                f"{summary['validation_loss']:.4f}, accuracy {summary['validation_accuracy']:.4f}",
                flush=True,
            )
        return _Trained(head, history, summary | {"l2": l2, "levels": levels})

    best = [
        min((train(levels, l2) for l2 in strengths), key=lambda trained: trained.loss)
        for levels in choices
    ]
    first = min(best, key=lambda trained: trained.loss)
    if compete and on_epoch:
        on_epoch(first.history)
    if len(best) == 1:
        return first.head, classes, first.history, first.summary
    # Not by `predict`, which warns of the functions that it makes for one head after another.
    (rows,) = stored.rows("validation")
    outputs = [np.asarray(trained.head(rows, training=False)) for trained in best]
    logs = [stacking.logs(class_probabilities(each)) for each in outputs]
    together = labels["validation"], logs
    of_each = stacking.weigh(*together, weights["validation"])
    measured = stacking.measure(*together, of_each, weights["validation"])
    of_heads = {
        "levels" if trained.summary["levels"] else "last_maps": {
            name: trained.summary[name] for name in (*measured, "l2")
        }
        | {"weight": weight}
        for trained, weight in zip(best, of_each, strict=True)
    }
    print(
        f"both heads, times {of_each[0]:g} and {of_each[1]:g}: validation loss "
        f"{measured['validation_loss']:.4f}, accuracy {measured['validation_accuracy']:.4f}",
        flush=True,
    )
    own = settings.model_copy(update={"l2": first.summary["l2"]})
    features = [np.arange(len(last_maps))] * len(best)
    head = stack([trained.head for trained in best], features, of_each, own, seed)
    return head, classes, first.history, first.summary | measured | {"heads": of_heads}


def stack(
    heads: Sequence[keras.Model],
    columns: Sequence[np.ndarray],
    weights: Sequence[float],
    settings: TrainHead,
    seed: int,
) -> keras.Model:
    """Build the head whose logits are the weighted sum of those of several heads.

    Parameters
    ----------
    columns : the numbers of the features that each of them takes. What several take, they scale by
        the same mean and variance.
    settings : that they were trained with, but for the penalty, which is that of the whole.
    seed : see `build_head`.
    """
    count, classes = len(np.unique(np.concatenate(columns))), max(heads[0].output.shape[1], 2)
    hidden = settings.hidden_units and sum(head.get_layer(_HIDDEN).units for head in heads)
    settings = settings.model_copy(update={"hidden_units": hidden})
    stacked = build_head(count, classes, settings, seed, scaled=True)
    scale = np.stack(_scale(np.ones(count, bool), None))
    kernels, biases = [], []
    for head, own in zip(heads, columns, strict=True):
        used = np.ones(len(own))
        if any(layer.name == _SCALE for layer in head.layers):
            used, scale[1, own], scale[2, own] = head.get_layer(_SCALE).get_weights()
        kernel, bias = head.get_layer(_HIDDEN if hidden else _OUTPUT).get_weights()
        kernels.append(np.zeros((count, len(bias))))
        kernels[-1][own] = used[:, np.newaxis] * kernel
        biases.append(bias)
    stacked.get_layer(_SCALE).set_weights(list(scale))
    if hidden:
        layer = [np.concatenate(kernels, axis=1), np.concatenate(biases)]
        stacked.get_layer(_HIDDEN).set_weights(layer)
        outputs = [head.get_layer(_OUTPUT).get_weights() for head in heads]
        kernels, biases = zip(*outputs, strict=True)
        kernel = np.concatenate(
            [weight * each for weight, each in zip(weights, kernels, strict=True)]
        )
    else:
        kernel = np.tensordot(weights, kernels, 1)
    stacked.get_layer(_OUTPUT).set_weights([kernel, np.tensordot(weights, biases, 1)])
    return stacked


def last_maps(extractor: keras.Model, backbone: str) -> np.ndarray:
    """Return for each feature of a network whether it is of the last maps, not of larger ones."""
    count = extractor.output.shape[1]
    found = backbones.last_maps(parts.conv_base(extractor), backbone)
    return found if len(found) == count else np.ones(count, bool)  # flattened, not pooled


def _scale(used: np.ndarray, rows: np.ndarray | None) -> list[np.ndarray]:
    """Return the weights of the layer that scales features.

    Parameters
    ----------
    used : for each feature whether it counts, shape (features,); one that doesn't becomes 0.
    rows : those that the features are standardized by, shape (pictures, features); None: they
        stay as they are.
    """
    if rows is None:
        mean, variance = np.zeros(len(used)), np.full(len(used), 1 - _LEAST_VARIANCE)
    else:
        mean, variance = (moment(rows, axis=0, dtype=np.float64) for moment in (np.mean, np.var))
    return [used.astype(float), mean, variance]


def _above_scale(
    head: keras.Model, sets: Sequence[lbfgs.Examples]
) -> tuple[keras.Model, list[lbfgs.Examples]]:
    """Return what is trained of a head, and what it is trained on: features scaled once for all."""
    scale = head.get_layer(_SCALE)
    scaled = [(scale(features), *others) for features, *others in sets]
    return keras.Model(scale.output, head.output), scaled


def _batches(
    stored: Stored,
    labels: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    chosen: np.ndarray,
    size: int,
    seed: int,
) -> tuple[Batches, Batches]:
    """Give what is trained on, the next view of all pictures in each epoch, and validated on."""
    train, validation = (stored.rows(split) for split in ("train", "validation"))
    return (
        batches.from_features(train, labels["train"], size, seed, chosen, weights["train"]),
        batches.from_features(
            validation, labels["validation"], size, None, None, weights["validation"]
        ),
    )


def _examples(
    stored: Stored,
    labels: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    chosen: np.ndarray,
) -> tuple[lbfgs.Examples, lbfgs.Examples]:
    """Give what is trained on, all views of all pictures at once, and validated on."""
    views = stored.rows("train")
    (validation,) = stored.rows("validation")
    return (
        (
            np.concatenate([view[chosen] for view in views]),
            np.tile(labels["train"], len(views)),
            np.tile(weights["train"], len(views)),
        ),
        (np.asarray(validation), labels["validation"], weights["validation"]),
    )
