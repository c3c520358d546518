"""Copy the pictures of a tree to CLASS/FILE."""

import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

from tqdm import tqdm

from vision.runtime.errors import UserError
from vision.runtime.text import shown, some
from vision.sources.archives import reading
from vision.sources.code_pages import CODE_PAGES
from vision.sources.entries import Bounds, entries
from vision.sources.layout import DEFAULT, Layout, arrange
from vision.sources.rules import Rules
from vision.sources.tables import is_table


def unpack(source: Path, into: Path, bounds: Bounds, rules: Rules = DEFAULT) -> Layout:
    """Copy the pictures in `source`, a folder or an archive, to `into`/CLASS/FILE.

    The names are read first, so that most bad input is refused before anything is written.

    Raises
    ------
    UserError
        The files are damaged, unsafe or too many, or their classes cannot be told; the line
        starts with the path that the names in it are relative to.
    """
    try:
        layout = look(source, into, bounds, rules)
        for label in {label for label, _ in layout.places.values()}:
            (into / label).mkdir()
        with tqdm(total=len(layout.places), desc="unpacking", unit=" files", disable=None) as bar:
            for entry in entries(source, into, bounds):
                if entry.name in layout.places:
                    label, file = layout.places[entry.name]
                    # Of two of one name in an archive the last one counts, as for tar and unzip.
                    mode = "wb" if entry.name in layout.doubled else "xb"
                    with (
                        reading(entry.name),
                        entry.open() as content,
                        (into / label / file).open(mode) as target,
                    ):
                        shutil.copyfileobj(content, target, 1 << 20)
                    bar.update()
    except UserError as error:
        folder = source if source.is_dir() else source.parent
        raise UserError(f"in {folder}: {error}") from None
    return layout


def look(
    source: Path, scratch: Path, bounds: Bounds, rules: Rules = DEFAULT, above: str = ""
) -> Layout:
    """Find where the pictures in a folder or an archive go, by their names and by tables.

    Where the code page of names was guessed, that is said.

    Parameters
    ----------
    scratch : a folder for temporary files.
    above : what stands before each name.
    """
    guesses: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def note(archive: str, page: str, example: str) -> None:
        guesses[page].append((archive, example))

    listed = tqdm(
        entries(source, scratch, bounds, note), "reading names", unit=" files", disable=None
    )
    names: list[str] = []
    tables: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        for entry in listed:
            names.append(above + entry.name)
            if entry.open and is_table(names[-1], rules):
                copy = Path(folder, str(len(tables)))
                with reading(entry.name), entry.open() as content, copy.open("wb") as target:
                    shutil.copyfileobj(content, target, 1 << 20)
                tables[names[-1]] = copy
        layout = arrange(names, rules, tables)
    pages = [
        f"the names in {some([shown(archive) for archive, _ in found])} don't say how they are "
        f"encoded and were read as {page} ({CODE_PAGES[page]}), such as {shown(found[0][1])}; if "
        "they look wrong, unpack the archive by another program and put the folder there instead"
        for page, found in sorted(guesses.items())
    ]
    return layout._replace(said=[*pages, *layout.said])
