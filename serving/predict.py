"""Classifies any number of pictures, in the memory that a few of them take."""

import csv
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from glob import glob, has_magic
from pathlib import Path
from typing import TextIO

from tqdm import tqdm
from wcwidth import wcswidth

from serving.classifier import Classifier, Prediction, Unread, what_failed
from vision import pictures
from vision.runtime.errors import UserError
from vision.runtime.prefetch import load_ahead
from vision.runtime.text import lines

STDIN = "-"
_NUMBER = re.compile(r"[+-]?\d+")


def print_predictions(
    model: Classifier, paths: Iterable[str], form: str, drawings: Path | None = None
) -> None:
    """Classify what the command line names, and print it on stdout as it comes.

    Parameters
    ----------
    form : table, csv or json.
    drawings : a folder for drawings of where the model saw that, if they are wanted.

    Raises
    ------
    UserError
        Some file is no picture; it was named on stderr, and the rest was classified. Or the
        drawings can't be where they should come to lie.
    """
    write = {"table": write_table, "csv": write_csv, "json": write_json}[form]
    paths = list(paths)
    results = classify(model, find(paths))
    if drawings:
        from serving import explain  # it brings in TensorFlow

        explain.refuse_place(paths, drawings)
        results = explain.write_all(model, results, drawings)
    unread = 0
    # On a terminal, the lines themselves tell how it goes.
    silent = True if sys.stdout.isatty() else None

    with tqdm(desc="predict", unit="picture", disable=silent) as bar:

        def predictions() -> Iterator[Prediction]:
            nonlocal unread
            for result in results:
                if isinstance(result, Unread):
                    unread += 1
                    tqdm.write(f"{result.file}: {result.reason}", file=sys.stderr)
                else:
                    yield result
                bar.update()

        write(predictions(), model.classes, sys.stdout)
    if unread:
        raise UserError(f"{unread:,} of what was named could not be classified; see above")


def classify(model: Classifier, files: Iterable[str | Unread]) -> Iterator[Prediction | Unread]:
    """Classify files, in order, in threads that each decode and compute."""

    def result(file: str | Unread) -> Prediction | Unread:
        if isinstance(file, Unread):
            return file
        try:
            batch = pictures.load_batch([Path(file)], model.image_size)
        except (pictures.UnreadablePictureError, OSError) as error:
            return Unread(file, what_failed(error))
        return model.predict(file, batch)

    return load_ahead(result, files)


def find(paths: Iterable[str]) -> Iterator[str | Unread]:
    """Yield the files that the command line names: files, folders, patterns, - for a list on stdin.

    Of a folder that is all below it but what is hidden, in the order of names; links are followed.
    No more is held at a time than the names of one folder, and of those above it that wait.
    """
    for path in paths:
        if path == STDIN:
            for name in lines(sys.stdin.buffer):
                if name.strip():
                    yield from _below(name)
        elif has_magic(path) and not Path(path).exists():
            # pathlib's patterns can't be absolute.
            found = sorted(glob(path, recursive=True))  # noqa: PTH207
            # A ** finds the folders, and what is in them as well.
            yield from (name for name in found if not _is_folder(name))
            if not found:
                yield Unread(path, "no file matches this pattern")
        else:
            yield from _below(path)


def _below(path: str) -> Iterator[str | Unread]:
    if not _is_folder(path):
        yield path
        return
    found = None
    for found in _walk(str(Path(path))):
        yield found
    if not found:
        yield Unread(path, "no file is in this folder")


def _walk(top: str) -> Iterator[str | Unread]:
    """Yield the files of a folder, then those of each folder in it; name what can't be read."""
    unread: list[Unread] = []

    def note(error: OSError) -> None:
        unread.append(Unread(error.filename.removeprefix("./"), what_failed(error)))

    # No Paths: each would keep its name among Python's interned ones, in twice the memory.
    for folder, folders, files in os.walk(top, onerror=note, followlinks=True):
        yield from unread
        unread.clear()
        files.sort()
        for name in files:
            if not name.startswith("."):
                yield os.path.join(folder, name).removeprefix("./")  # noqa: PTH118
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in [Path(folder, name) for name in folders]:
            above = Path(os.path.abspath(path)).parents  # noqa: PTH100  `..` is none of them
            if path.is_symlink() and path.resolve() in map(Path.resolve, above):
                folders.remove(path.name)
                unread.append(Unread(str(path), "a link to a folder that it lies in; not followed"))
    yield from unread


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # reading it will tell why
        return False


def write_table(predictions: Iterable[Prediction], classes: list[str], to: TextIO) -> None:
    """Write a line a picture; its file comes last, so that no column's width is unknown."""
    width = max(map(wcswidth, ["class", *classes]))

    def line(label: str, probability: str, remark: str, file: str) -> str:
        return f"{label}{' ' * (width - wcswidth(label))}  {probability:11}  {remark:6}  {file}"

    print(line("class", "probability", "", "file"), file=to)
    for each in predictions:
        remark = "unsure" if each.unsure else ""
        print(line(each.label, f"{each.probability:.3f}", remark, each.file), file=to, flush=True)


def write_csv(predictions: Iterable[Prediction], classes: list[str], to: TextIO) -> None:
    """Write file, class, probability, unsure, and the probability of each class.

    A spreadsheet would calculate what begins as a formula: a quote stands before it.
    """
    rows = csv.writer(to, lineterminator="\n")
    each_class = [f"probability_{label}" for label in classes]
    rows.writerow(["file", "class", "probability", "unsure", *each_class])
    for each in predictions:
        numbers = [f"{number:.7g}" for number in (each.probability, *each.probabilities)]
        unsure = str(each.unsure).lower()
        names = [_no_formula(each.file), _no_formula(each.label)]
        rows.writerow([*names, numbers[0], unsure, *numbers[1:]])


def _no_formula(text: str) -> str:
    begins = text.startswith(("=", "+", "-", "@", "\t", "\r", "'"))
    return f"'{text}" if begins and not _NUMBER.fullmatch(text) else text


def write_json(predictions: Iterable[Prediction], classes: list[str], to: TextIO) -> None:
    """Write one array, an object a line, as they come.

    Of a file's name that is no text, the bytes that are none are escaped: JSON is always UTF-8.
    """
    print("[", end="", file=to)
    before = "\n"
    for each in predictions:
        content = {
            "file": each.file,
            "class": each.label,
            "probability": each.probability,
            "unsure": each.unsure,
            "probabilities": dict(zip(classes, each.probabilities.tolist(), strict=True)),
        }
        line = json.dumps(content, ensure_ascii=False)
        print(before + line.encode(errors="backslashreplace").decode(), end="", file=to)
        before = ",\n"
    print("\n]", file=to)
