"""Read the rows of tables, in CSV, TSV or Parquet, one by one and as text.

A cell `no`, `NA` or `01` stays what it is.
"""

import codecs
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from vision.runtime import delimited
from vision.runtime.errors import UserError
from vision.runtime.text import encoding_of

KINDS = (".csv", ".tsv", ".parquet")


def can_read_parquet() -> bool:
    """Return whether what reads Parquet is installed."""
    return find_spec("pyarrow") is not None


def rows(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table that aren't empty, the header first, with their numbers.

    Parameters
    ----------
    name : of the table, which tells its kind.

    Raises
    ------
    UserError
        It can't be read.
    """
    if name.lower().endswith(".parquet"):
        yield from enumerate(_rows_of_parquet(path, name), 1)
        return
    try:
        with path.open(encoding=_encoding(path), newline="") as file:
            yield from delimited.rows(file, name)
    except UnicodeDecodeError:
        raise UserError(
            f"{name} is neither in UTF-8 nor in UTF-16 or cp1252; save it as UTF-8, which Excel "
            "calls `CSV UTF-8`"
        ) from None


def body(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the same without the header."""
    found = rows(path, name)
    next(found, None)
    return found


def _encoding(path: Path) -> str:
    """Return the encoding of a text: UTF-8, UTF-16, or else what Windows in the West writes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        beginning = file.read(4096)
        if (encoding := encoding_of(beginning)) != "utf-8-sig":
            return encoding
        try:
            for content in chain([beginning], iter(lambda: file.read(1 << 16), b"")):
                decoder.decode(content)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return encoding


def _rows_of_parquet(path: Path, name: str) -> Iterator[list[str]]:
    """Yield the rows of a Parquet file, without the columns that hold bytes or lists."""
    if not can_read_parquet():
        raise UserError(
            f"{name} is read by pyarrow, which isn't installed; type `pip install pyarrow`, or "
            "save the table as CSV"
        )
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        others = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)
        plain = [
            field.name
            for field in file.schema_arrow
            if not any(is_other(field.type) for is_other in others)
        ]
        yield plain
        for batch in file.iter_batches(batch_size=10_000, columns=plain):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield ["" if cell is None else str(cell) for cell in row]
    except pa.ArrowException as error:
        raise UserError(
            f"{name} can't be read as Parquet ({str(error).splitlines()[0]}); get it anew, or save "
            "the table as CSV"
        ) from None
