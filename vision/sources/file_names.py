"""Classify files by their names: pictures, archives, others."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from vision.runtime.errors import UserError
from vision.runtime.text import shown, some

PICTURES = {
    ".jpg", ".jpeg", ".jfif", ".jpe", ".pjpeg", ".pjp", ".mpo", ".png", ".bmp", ".gif",
    ".webp", ".heic", ".heif", ".hif", ".tif", ".tiff", ".avif", ".apng", ".dib",
}  # fmt: skip
ARCHIVES = (
    ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz",
)  # fmt: skip

# Control characters, line and paragraph separators, and bytes that are no text: no table, line of
# output or foreign disk can hold them. Any other character is the owner's business.
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Hidden, or made for themselves by macOS, Synology, Windows and Linux.
_HIDDEN = re.compile(
    r"(?:^|/)(?:\.|(?:__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|lost\+found"
    r"|System Volume Information)(?:/|$))",
    re.IGNORECASE,
)


def is_archive(name: str) -> bool:
    """Return whether a file's name ends as that of an archive that can be read."""
    return name.lower().endswith(ARCHIVES)


def stem(archive: str) -> str:
    """Return the name of an archive without what tells that it is one."""
    endings = [ending for ending in ARCHIVES if archive.lower().endswith(ending)]
    return archive[: -len(max(endings, key=len))]


def folders_of(name: str) -> list[str]:
    """Return the folders that a file lies in, with archives as folders."""
    return [stem(part) if is_archive(part) else part for part in name.split("/")[:-1]]


def is_picture(name: str) -> bool:
    """Return whether a file's name ends as that of a picture."""
    return os.path.splitext(name)[1].lower() in PICTURES  # noqa: PTH122, of millions of names


def is_visible(name: str) -> bool:
    """Return whether no part of a path is hidden or made by a system for itself."""
    return _HIDDEN.search(name) is None


def kind(name: str) -> str:
    """Return what to list a file under that is no picture: its suffix, or why it has none."""
    if not is_visible(name):
        return "hidden"
    suffix = PurePosixPath(name).suffix.lower()
    if re.fullmatch(r"\.\d*[^\W\d_][^\W_]{0,9}", suffix):
        return suffix
    return "others"


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return the kinds of files with their numbers, the most frequent first."""
    kinds = defaultdict(list)
    for name in names:
        kinds[kind(name)].append(name)
    told = []
    for what, found in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0])):
        example = "" if what.startswith(".") else f" (such as {shown(found[0])})"
        told.append(f"{what} {len(found):,}{example}")
    return some(told, most)


def folded(name: str) -> str:
    """Return what is equal for names that some file systems hold to be one."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def check_usable(names: Sequence[str]) -> None:
    """Refuse names that no table or disk can hold.

    Raises
    ------
    UserError
        They have control characters, line breaks, or bytes that are no text.
    """
    bad = [name for name in names if _UNUSABLE.search(name)]
    if not bad:
        return
    remedy = "rename them"
    if any("\ud800" <= letter <= "\udfff" for name in bad for letter in name):
        remedy += (
            ", those with bytes that are no text (\\udc..) by "
            "`convmv -r -f latin1 -t utf8 --notest FOLDER`, say"
        )
        if any(is_archive(part) for name in bad for part in name.split("/")[:-1]):
            remedy += ", where FOLDER is one that you unpacked the archive to, in place of it"
    raise UserError(
        f"{len(bad):,} names of pictures or their folders have characters that cannot be in a "
        f"name, such as {some([repr(name) for name in bad])}; {remedy}"
    )
