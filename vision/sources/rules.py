"""What the user chooses about how pictures, their classes and their splits are found."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

COLUMNS = ("file", "label", "split", "group", "weight")


class Rules(NamedTuple):
    """The same names and meanings as in the parameters of the stage `download`.

    Attributes
    ----------
    check_names : refuse classes whose names are alike, and files named after another class.
    class_folder : whether the first folder names the class, or the one that is plainly meant.
    splits : whether pictures stay in the split that a folder or a table gives them.
    table : of labels: the name of its file, `auto` for those that are recognised, or `none`.
    columns : the names of a table's COLUMNS; None: it is recognised. Several for the label are one
        for each class.
    bad_rows : the share of rows that may be unusable, and of pictures without one.
    """

    check_names: bool = True
    class_folder: Literal["auto", "first"] = "auto"
    splits: Literal["keep", "merge"] = "keep"
    table: str = "auto"
    columns: Mapping[str, str | list[str] | None] = dict.fromkeys(COLUMNS)
    bad_rows: float = 0

    @property
    def names_table(self) -> bool:
        """Whether a table, or a column of one, is named: there has to be one then."""
        return self.table not in ("auto", "none") or (
            self.table == "auto" and any(self.columns.values())
        )

    @property
    def names_labels(self) -> bool:
        """Whether it is named what tells the classes, a table or a column: folders don't then."""
        return bool(self.columns["label"]) or self.table not in ("auto", "none")

    @classmethod
    def of(cls, section: object) -> "Rules":
        """Return what a section of parameters says, which has attributes of these names."""
        rules = cls(*(getattr(section, name) for name in cls._fields))
        return rules._replace(columns=dict(rules.columns))
