"""Read tables of text, such as CSV, row by row."""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from vision.runtime.errors import UserError

# Bytes of a cell, such as the outline of a thing as text; the module `csv` takes 2**17 by itself.
csv.field_size_limit(1 << 24)

# Excel writes a semicolon where a comma is the decimal point, and tabs into "Unicode text".
_SEPARATORS = ",;\t|"
# A first line by which programs tell Excel what separates cells.
_TOLD_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


def rows(file: TextIO, name: object) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that aren't empty, with their numbers, without empty cells at their ends.

    Cells are separated by whatever the first row has most of: commas, semicolons, tabs or bars.

    Parameters
    ----------
    file : opened with newline="".
    name : of the table, for complaints.

    Raises
    ------
    UserError
        A quote isn't closed, or stands within a cell.
    """
    numbered = ((number, line) for number, line in enumerate(file, 1) if line.strip())
    number, first = next(numbered, (1, ""))
    if told := _TOLD_SEPARATOR.fullmatch(first):
        separator, lines = told[1], file
    else:
        separator, lines = max(_SEPARATORS, key=first.count), chain([first], file)
        number -= 1
    try:
        # Strict, or a quote that isn't closed would take in all the rows that follow.
        for row in csv.reader(lines, delimiter=separator, strict=True):
            number += 1
            while row and not row[-1].strip():
                row.pop()
            if row:
                yield number, row
    except csv.Error as error:
        raise UserError(
            f"{name}: row {number + 1}: its quotes can't be read ({error}); close each one that is "
            "opened, and write one within quotes twice"
        ) from None
