"""Find out whether classes can be told by what should not matter: by a shortcut.

A model takes what tells the classes of its training pictures, be it the thing or the camera that
took it, and the test pictures, which have the same, praise it for that (R. Geirhos et al.,
"Shortcut learning in deep neural networks", Nature Machine Intelligence 2, 2020). So a classifier
that sees nothing but, say, the borders of the pictures is cross-validated here, and held against
chance.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageStat
from PIL.ExifTags import GPS, IFD
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold

from vision.pictures import SUFFIXES
from vision.selection.groups import camera, taken

# What a classifier is to see of the pictures, and what to do where that tells their classes.
NUISANCES = {
    "file": "save the pictures of all classes in one format and quality",
    "size": "bring the pictures of all classes to one size and shape",
    "camera": "take pictures of all classes with the same cameras",
    "time": "take pictures of all classes on the same days",
    "place": "take pictures of all classes at the same places",
    "colour": "take pictures of all classes in the same light, before the same backgrounds",
    "border": "crop what frames the pictures",
    "corners": "crop what is written or drawn into the corners",
}
_SAYINGS = {
    "file": "the format and compression of a file",
    "size": "the size and shape of a picture",
    "camera": "the camera",
    "time": "the time when a picture was taken",
    "place": "the place where a picture was taken",
    "colour": "the mean colour and contrast",
    "border": "the border",
    "corners": "what is in the corners",
}
# Cameras beside these are one, as those that nobody knows are.
_CAMERAS = 20
_UNKNOWN = -1e9  # far from all that is known, so that a tree may tell it
_EDGE = 0.03  # of the shorter side
_CORNER = 0.15  # of each side
_CORNER_PIXELS = 8
_FOLDS, _TREES = 5, 50
_PERMUTATIONS = 10_000
# What makes a shortcut worth telling. Backgrounds tell a little of every class: of photographs of
# cats and dogs, borders are right on 0.6, of which they are sure of none.
_LEAST_P = 0.01
_LEAST_SKILL = 0.25
_SURE = 0.9
_LEAST_SURE = 0.005  # of the groups
_MOST_WRONG = 0.05  # of what it is sure of
_BLOCK = 500


# What is seen of a picture, by the nuisance: numbers, or a text.
Seen = dict[str, list[float] | str]


class Shortcut(NamedTuple):
    """How well the classes are told by one of NUISANCES.

    Attributes
    ----------
    nuisance : what is seen of the pictures.
    balanced_accuracy : by cross-validation, the mean over the classes.
    chance : that of a guess.
    p : how often a guess would be as good, for all nuisances that were tested together.
    probabilities : of each picture's own class, shape (pictures,).
    right, wrong : of one picture of each group, how many are put into their own class, or into
        another, with a probability of 0.9 and more.
    groups : the number of groups.
    """

    nuisance: str
    balanced_accuracy: float
    chance: float
    p: float
    probabilities: np.ndarray
    right: int
    wrong: int
    groups: int

    @property
    def is_worth_telling(self) -> bool:
        """Whether it is more than luck, and tells many classes or some for certain."""
        skill = (self.balanced_accuracy - self.chance) / (1 - self.chance)
        certain = self.right >= max(5, _LEAST_SURE * self.groups)
        certain &= self.wrong <= _MOST_WRONG * (self.right + self.wrong)
        return self.p < _LEAST_P and (skill >= _LEAST_SKILL or certain)

    def figures(self) -> dict[str, float]:
        """Return what `told` takes, for metrics."""
        return {
            "balanced_accuracy": self.balanced_accuracy,
            "chance": self.chance,
            "p": self.p,
            "sure": self.right,
        }


def told(nuisance: str, figures: Mapping[str, float]) -> str:
    """Return what was found, and what to do, in a line.

    Parameters
    ----------
    figures : as `Shortcut.figures` gives them.
    """
    return (
        f"{_SAYINGS[nuisance]} alone tells the classes with a balanced accuracy of "
        f"{figures['balanced_accuracy']:.0%}, where chance gives {figures['chance']:.0%} "
        f"(p = {figures['p']:.2g}), and that of {figures['sure']:,} pictures nearly for certain. A "
        f"model may learn it in place of the thing: {NUISANCES[nuisance]}, or test it on pictures "
        "from elsewhere"
    )


def measure(path: Path, exif: Mapping[int, Any], picture: Image.Image) -> Seen:
    """Return what is seen of a picture, by the nuisance; NaN, or no text, is not known.

    Parameters
    ----------
    path : of its file.
    exif : as `groups.read_exif` gives it.
    picture : as `pictures.decode` gives it.
    """
    width, height = picture.size
    moment, colours = taken(exif), ImageStat.Stat(picture)
    return {
        "file": _file(path),
        "size": [np.log(width), np.log(height), np.log(width / height)],
        "camera": camera(exif),
        "time": [*divmod(moment.seconds, 86400)] if moment else [np.nan] * 2,  # days, seconds
        "place": _place(exif[IFD.GPSInfo]),
        "colour": [*colours.mean, *colours.stddev],
        "border": _border(np.asarray(picture)),
        "corners": _corners(picture),
    }


def _file(path: Path) -> list[float]:
    """Return the number of a file's format, and of its channels, and how coarse a JPEG file is."""
    found = [np.nan] * 4
    # Decoders raise what they like on broken files, of which the first frame may be whole.
    with suppress(Exception), Image.open(path, formats=tuple(SUFFIXES)) as image:
        tables = getattr(image, "quantization", None) or {}
        coarse = [float(np.mean(tables[key])) if key in tables else np.nan for key in (0, 1)]
        found = [[*SUFFIXES].index(image.format), len(image.getbands()), *coarse]
    return found


def _place(found: Mapping[int, object]) -> list[float]:
    """Return latitude and longitude, in degrees."""
    try:
        parts = [
            (found[GPS.GPSLatitude], found[GPS.GPSLatitudeRef] == "S"),
            (found[GPS.GPSLongitude], found[GPS.GPSLongitudeRef] == "W"),
        ]
        return [
            (-1 if turned else 1) * sum(float(part) / 60**n for n, part in enumerate(angle))
            for angle, turned in parts
        ]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return [np.nan, np.nan]


def _border(pixels: np.ndarray) -> list[float]:
    """Return of each edge of a picture the mean colour and how much it varies."""
    deep = max(1, round(_EDGE * min(pixels.shape[:2])))
    edges = (pixels[:deep], pixels[-deep:], pixels[:, :deep], pixels[:, -deep:])
    return [
        float(value)
        for edge in edges
        for value in (*edge.mean(axis=(0, 1)), edge.std(axis=(0, 1)).mean())
    ]


def _corners(picture: Image.Image) -> list[float]:
    """Return how the corners of a picture look, small and grey, each less its own mean."""
    width, height = (max(1, round(_CORNER * side)) for side in picture.size)
    seen = []
    for left in (0, picture.width - width):
        for top in (0, picture.height - height):
            corner = picture.crop((left, top, left + width, top + height)).convert("L")
            small = np.asarray(corner.resize((_CORNER_PIXELS, _CORNER_PIXELS)), float)
            seen += (small - small.mean()).ravel().tolist()
    return seen


def testable(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return which pictures are of classes with a group for each fold, shape (pictures,)."""
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    return np.bincount(pairs[0], minlength=labels.max() + 1)[labels] >= _FOLDS


def can_tell(labels: np.ndarray, groups: np.ndarray) -> bool:
    """Check whether there are two classes to tell: a group counts for that of its first picture."""
    first = np.unique(groups, return_index=True)[1]
    return len(np.unique(labels[first])) > 1


def find(
    seen: Sequence[Seen],
    labels: np.ndarray,
    groups: np.ndarray,
    seed: int,
) -> list[Shortcut]:
    """Measure how well the classes are told by each nuisance that differs between pictures.

    Nothing is, where `can_tell` says so.

    Parameters
    ----------
    seen : of each picture, what `measure` gives.
    labels : class numbers, shape (pictures,), of classes that `testable` admits.
    groups : pictures of one group, such as copies, are held out together, and count once.
    seed : of the folds and the trees.
    """
    if not can_tell(labels, groups):
        return []
    first = np.unique(groups, return_index=True)[1]
    splitter = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    parts = [part for _, part in splitter.split(labels, labels, groups)]
    tables = {name: _table([picture[name] for picture in seen]) for name in NUISANCES}
    tested = {name: table for name, table in tables.items() if (table != table[0]).any()}
    found = []
    for name, table in tested.items():
        probabilities = _out_of_fold(table, labels, parts, seed)
        predicted = probabilities.argmax(axis=1)
        accuracy, p = _test(labels[first], predicted[first], seed)
        chance = 1 / len(np.unique(labels[first]))
        own = probabilities[np.arange(len(labels)), labels]
        right = int((own[first] >= _SURE).sum())
        wrong = int((probabilities[first].max(axis=1) >= _SURE).sum()) - right
        # Bonferroni's correction: each of them had its chance.
        p = min(1.0, p * len(tested))
        found.append(Shortcut(name, accuracy, chance, p, own, right, wrong, len(first)))
    return found


def _table(values: Sequence[list[float] | str]) -> np.ndarray:
    """Return numbers as they are, and of texts which of the most frequent ones each is."""
    if not isinstance(values[0], str):
        return np.nan_to_num(np.array(values, float), nan=_UNKNOWN)
    common = [text for text, _ in Counter(values).most_common(_CAMERAS)]
    return np.array([[value == text for text in common] for value in values], float)


def _out_of_fold(
    table: np.ndarray, labels: np.ndarray, parts: Sequence[np.ndarray], seed: int
) -> np.ndarray:
    """Return the probabilities of the classes, shape (pictures, classes), by those held in."""
    probabilities = np.zeros((len(labels), labels.max() + 1))
    for part in parts:
        held_in = np.setdiff1d(np.arange(len(labels)), part)
        forest = ExtraTreesClassifier(
            _TREES, min_samples_leaf=3, class_weight="balanced", random_state=seed
        ).fit(table[held_in], labels[held_in])
        probabilities[np.ix_(part, forest.classes_)] = forest.predict_proba(table[part])
    return probabilities


def _test(labels: np.ndarray, predicted: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the balanced accuracy, and how often permuted predictions are as good."""
    _, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = 1 / counts[number] / len(counts)
    accuracy = min(1.0, float(weights @ (predicted == labels)))  # but for rounding
    rng = np.random.default_rng(seed)
    as_good = 0
    for start in range(0, _PERMUTATIONS, _BLOCK):
        rows = np.tile(predicted, (min(_BLOCK, _PERMUTATIONS - start), 1))
        permuted = rng.permuted(rows, axis=1)
        as_good += int(((permuted == labels) @ weights >= accuracy - 1e-12).sum())
    return accuracy, (as_good + 1) / (_PERMUTATIONS + 1)
