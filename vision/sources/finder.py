"""Find the pictures that a table means."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cached_property

from vision.runtime.text import composed
from vision.sources.class_folders import split_of
from vision.sources.file_names import folded, folders_of, is_picture

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_ABSOLUTE = re.compile(r"~?/|[a-z]:[/\\]|\\\\", re.IGNORECASE)

NO_FILE = "no file"
MISSING = "a file that isn't there"
SEVERAL = "a name that several pictures have, so that the folder has to stand before it"
ADDRESS = "a web address in place of a file; download these pictures first"
ABSOLUTE = "a path from the root of a disk, where one as seen from the table is needed"
OUTSIDE = "a path that leads out of the folder; put these pictures beside the table"


class UnusableError(Exception):
    """Why a row can't be used, in words that follow `with`."""


class Finder:
    """Finds pictures by what tables call them."""

    def __init__(self, pictures: Collection[str]) -> None:
        self.pictures = pictures

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for name in self.pictures:
            found[folded(posixpath.splitext(posixpath.basename(name))[0])].append(name)
        return found

    def find(self, text: str, table: str, split: str) -> str:
        """Return the picture that a cell means, as seen from a table, or from any folder below it.

        Parameters
        ----------
        split : of pictures of one name in several folders, the one in that of the split is meant.
        """
        if not text.strip():
            raise UnusableError(NO_FILE)
        folder, slash, _ = table.rpartition("/")
        below, whole = folder + slash, composed(text)
        if (path := below + whole) in self.pictures:
            return path
        for name in dict.fromkeys((whole, whole.strip(), whole.strip().replace("\\", "/"))):
            path = posixpath.normpath(posixpath.join(folder, name))
            if path in self.pictures:
                return path
        if _ADDRESS.match(name):
            raise UnusableError(ADDRESS)
        if _ABSOLUTE.match(whole.strip()):
            raise UnusableError(ABSOLUTE)
        if path.startswith(".."):
            raise UnusableError(OUTSIDE)
        for found in self._called(posixpath.normpath(name)):
            near = [name for name in found if name.startswith(below)] or found
            if len(near) > 1 and split:
                near = [name for name in near if split_of(folders_of(name)) == split]
            if len(near) == 1:
                return near[0]
            raise UnusableError(SEVERAL)
        raise UnusableError(MISSING)

    def _called(self, path: str) -> Iterator[list[str]]:
        """Yield pictures whose paths end so, the likeliest first: with and without a suffix."""
        file = posixpath.basename(path)
        for key, without in ((posixpath.splitext(file)[0], False), (file, True)):
            found = self._by_stem.get(folded(key), ()) if without or is_picture(file) else ()
            if not found:
                continue
            ends = {name: f"/{posixpath.splitext(name)[0] if without else name}" for name in found}
            exact = [name for name, end in ends.items() if end.endswith(f"/{path}")]
            alike = [name for name, end in ends.items() if folded(end).endswith(folded(f"/{path}"))]
            if exact or alike:
                yield exact or alike
