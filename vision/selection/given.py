"""What others have said of the pictures: their splits, and their groups."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vision.pictures import SPLITS
from vision.runtime.errors import UserError

COLUMNS = ["file", "split", "group", "folder", "weight"]


def read(path: Path, files: Sequence[str]) -> pd.DataFrame:
    """Read the table of pictures that was written beside them.

    Parameters
    ----------
    files : the pictures that there are, CLASS/NAME.

    Returns
    -------
    Their rows, in the order of `files`, by which they are indexed: split, empty where it isn't
    given; group and folder, empty where there's none; weight.

    Raises
    ------
    UserError
        The table is missing, is not that of these pictures, or has another split.
    """
    again = "write it again with `dvc repro --force download`"
    if not path.exists():
        raise UserError(f"{path} is missing; {again}")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if list(table.columns) != COLUMNS:
        found = ",".join(table.columns)
        raise UserError(f"{path}: the columns are {found}, not {','.join(COLUMNS)}; {again}")
    table = table.set_index("file")
    if len(table) != len(files) or not table.index.is_unique or set(table.index) != set(files):
        raise UserError(f"{path}: its rows are not those of the {len(files):,} pictures; {again}")
    if not (known := table["split"].isin(["", *SPLITS])).all():
        file = known.idxmin()
        raise UserError(f"{path}: {file} is in the split {table['split'][file]}; {again}")
    return table.loc[list(files)]
