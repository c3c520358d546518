"""What the user chooses about how pictures, their classes and their splits are found."""

from typing import Literal, NamedTuple


class Rules(NamedTuple):
    """The same names and meanings as in the parameters of the stage `download`.

    Attributes
    ----------
    check_names : refuse classes whose names are alike, and files named after another class.
    splits : whether pictures stay in the split that a folder or a table gives them.
    table : of labels: the name of its file, `auto` for those that are recognised, or `none`.
    file_column, label_column, split_column, group_column, weight_column : the names of a table's
        columns; None: they are recognised. Several for the labels are one for each class.
    bad_rows : the share of rows that may be unusable, and of pictures without one.
    """

    check_names: bool = True
    splits: Literal["keep", "merge"] = "keep"
    table: str = "auto"
    file_column: str | None = None
    label_column: str | list[str] | None = None
    split_column: str | None = None
    group_column: str | None = None
    weight_column: str | None = None
    bad_rows: float = 0

    @classmethod
    def of(cls, section: object) -> "Rules":
        """Return what a section of parameters says, which has attributes of these names."""
        return cls(*(getattr(section, name) for name in cls._fields))

    def of_table(self) -> dict[str, str | list[str] | None]:
        """Return the names of columns by what they hold."""
        return {
            "file": self.file_column,
            "label": self.label_column,
            "split": self.split_column,
            "group": self.group_column,
            "weight": self.weight_column,
        }
