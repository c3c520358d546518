"""Name archives that cannot be read, and say what to do with them instead."""

import re
import shlex
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vision.runtime.errors import UserError
from vision.runtime.text import shown, some
from vision.sources.class_folders import only_tells_split
from vision.sources.file_names import is_archive, is_picture, is_visible
from vision.sources.file_names import kind as kind_of

UNPACK = "unpack it yourself and put the folder there instead"

# How files start, and what they are then.
_STARTS = {
    b"7z\xbc\xaf'\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"\x04\x22\x4d\x18": "compressed by lz4",
    b"LZIP": "compressed by lzip",
    b"MSCF": "a cabinet archive",
    b"xar!": "a xar archive",
}
_SUFFIXES = {
    ".7z": "a 7z archive", ".rar": "a RAR archive", ".cab": "a cabinet archive",
    ".arj": "an ARJ archive", ".ace": "an ACE archive", ".lzh": "an LHA archive",
    ".lha": "an LHA archive", ".sit": "a StuffIt archive", ".sitx": "a StuffIt archive",
    ".cpio": "a cpio archive", ".zipx": "a zip of a newer kind", ".zst": "compressed by zstd",
    ".tzst": "compressed by zstd", ".lz4": "compressed by lz4", ".lz": "compressed by lzip",
    ".tlz": "compressed by lzip", ".lzma": "compressed by lzma", ".lzo": "compressed by lzop",
    ".z": "compressed by compress", ".br": "compressed by brotli", ".iso": "the image of a disc",
    ".dmg": "the image of a disk",
}  # fmt: skip
_UNFINISHED = {".crdownload", ".part", ".partial", ".download", ".aria2"}
# Compressed files that may be anything; and what can be read under its right name, by its bytes and
# where they stand.
_COMPRESSED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz"}
_PROGRAM = b"MZ"  # of Windows
_MISNAMED = {
    (_PROGRAM, 0): ("a zip that unpacks itself", ".zip"),
    (b"PK\3\4", 0): ("a zip", ".zip"),
    (b"\x1f\x8b", 0): ("compressed by gzip", ".tar.gz"),
    (b"BZh", 0): ("compressed by bzip2", ".tar.bz2"),
    (b"\xfd7zXZ", 0): ("compressed by xz", ".tar.xz"),
    (b"ustar", 257): ("a tar", ".tar"),
}
# Files of other kinds that are zips, or compressed, by nature.
_OTHERS = {
    ".docx", ".docm", ".xlsx", ".xlsm", ".pptx", ".odt", ".ods", ".odp", ".odg", ".pages",
    ".numbers", ".key", ".jar", ".apk", ".epub", ".whl", ".npz", ".keras", ".pt", ".pth",
    ".ckpt", ".mlmodel", ".kmz", ".svgz", ".rds", ".rda", ".rdata", ".emz", ".sketch", ".kra",
}  # fmt: skip
_PICTURES = {
    (magic, at): ("a picture", ending)
    for ending, at, magics in (
        (".jpg", 0, [b"\xff\xd8\xff"]),
        (".png", 0, [b"\x89PNG\r\n"]),
        (".gif", 0, [b"GIF8"]),
        (".webp", 8, [b"WEBP"]),
        (".heic", 4, [b"ftypheic", b"ftypmif1"]),
        (".avif", 4, [b"ftypavif"]),
        (".tif", 0, [b"II*\0", b"MM\0*"]),
    )
    for magic in magics
}

_OF_ZIP = re.compile(r"(.+)\.z\d\d+", re.IGNORECASE)
_OF_RAR = re.compile(r".+\.(part\d+\.rar|r\d\d)", re.IGNORECASE)
_OF_ANY = re.compile(
    r"(.+\.(?:zip|7z|rar|tar|tgz|tbz2?|txz|(?:tar\.\w+)))\.(?:\d{2,4}|a[a-z]|part.{1,4})",
    re.IGNORECASE,
)


class UnreadableError(UserError):
    """An archive that is whole and cannot be read here.

    Parameters
    ----------
    name : of the archive.
    kind : what it is, such as "a RAR archive".
    remedy : what to do.
    """

    def __init__(self, name: str, kind: str, remedy: str = UNPACK):
        super().__init__(f"{shown(name)} is {kind}, which cannot be read here; {remedy}")
        self.name, self.kind, self.remedy = name, kind, remedy


def together(errors: Iterable[UnreadableError]) -> UserError:
    """Return one error, of one line, that names several archives, those of a kind together."""
    groups = defaultdict(list)
    for error in errors:
        groups[error.kind, error.remedy].append(error)
    told = []
    for (kind, remedy), alike in groups.items():
        if len(alike) == 1:
            told.append(str(alike[0]))
            continue
        if remedy == UNPACK:
            remedy = "unpack them yourself and put the folders there instead"
        names = some([shown(error.name) for error in alike], most=10)
        told.append(f"{names} are each {kind}, which cannot be read here; {remedy}")
    return UserError("; ".join(told))


def part_of_zip(name: str, whole: str) -> UnreadableError:
    """Return what to say of a part of a split zip whose last part is called `whole`."""
    return UnreadableError(
        name,
        "a part of a split zip",
        f"join all parts with `zip -s 0 {shlex.quote(whole)} --out whole.zip`, put whole.zip there "
        "and take the parts away",
    )


def _check_name(name: str) -> None:
    """Refuse a file whose name tells an archive that cannot be read."""
    if is_archive(name) or is_picture(name):
        return
    _check_part(name)
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _UNFINISHED:
        raise UnreadableError(name, "an unfinished download", "let it end, or take it away")
    if suffix in _SUFFIXES:
        raise UnreadableError(name, _SUFFIXES[suffix])
    if suffix in _COMPRESSED:
        remedy = f"if it is a tar, call it .tar{suffix}; else {UNPACK}"
        raise UnreadableError(name, f"compressed by {_COMPRESSED[suffix]}", remedy)


def _check_part(name: str) -> None:
    """Refuse a file whose name tells a part of an archive."""
    if match := _OF_ZIP.fullmatch(name):
        raise part_of_zip(name, f"{PurePosixPath(match[1]).name}.zip")
    if _OF_RAR.fullmatch(name):
        raise UnreadableError(name, "a part of a split RAR archive")
    match = _OF_ANY.fullmatch(name)
    if match and PurePosixPath(name).suffix.lower() not in _SUFFIXES.keys() | _COMPRESSED.keys():
        whole = shlex.quote(PurePosixPath(match[1]).name)
        joined = f"join all parts with `cat {whole}.* > {whole}` and take them away"
        remedy = joined if is_archive(match[1]) else UNPACK
        raise UnreadableError(name, "a part of a split archive", remedy)


def check_start(start: bytes, name: str) -> None:
    """Refuse a file whose first bytes tell an archive that cannot be read, whatever its name.

    Raises
    ------
    UnreadableError
        It is one.
    """
    for magic, kind in _STARTS.items():
        if start.startswith(magic):
            raise UnreadableError(name, kind)


def check_inner(name: str) -> None:
    """Refuse an archive below another or in a folder, of which nothing would be read.

    One called test, say, is passed over: it belongs to the train archive beside it, the one that is
    opened, and its pictures mostly have no classes. So are compressed tables and the like.

    Raises
    ------
    UnreadableError
        It is one, or its name tells one that cannot be read.
    """
    if is_picture(name) or not is_visible(name):
        return
    if not is_train(name):
        file = PurePosixPath(name)
        if only_tells_split(file.name.partition(".")[0]) or file.suffix.lower() in _COMPRESSED:
            return
        if is_archive(name):
            remedy = "unpack what is in it, or take it away"
            raise UnreadableError(name, "an archive within a folder or another one", remedy)
    _check_name(name)


def is_train(name: str) -> bool:
    """Return whether a file is called train, whatever follows the first dot."""
    return PurePosixPath(name).name.lower().partition(".")[0] == "train"


def check_file(path: Path, name: str) -> None:
    """Refuse a file that is no picture by its name if it is one, or an archive, by its content.

    Raises
    ------
    UnreadableError
        It is one.
    """
    if is_picture(name) or is_archive(name) or not is_visible(name):
        return
    _check_part(name)
    with path.open("rb") as file:
        start = file.read(512)
    starts = {}
    if PurePosixPath(name).suffix.lower() not in _OTHERS | _COMPRESSED.keys():
        starts |= _MISNAMED
    if kind_of(name) == "others":
        starts |= _PICTURES
    for (magic, at), (kind, ending) in starts.items():
        if start.startswith(magic, at) and (magic != _PROGRAM or zipfile.is_zipfile(path)):
            remedy = f"let its name end in {ending}"
            raise UnreadableError(name, f"{kind} by another name", remedy)
    _check_name(name)
    check_start(start, name)
