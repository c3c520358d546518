"""Download a big file with a known checksum, resuming where it broke off."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
import requests
import urllib3
from tqdm import tqdm

from vision.runtime.disk import disk_errors
from vision.runtime.errors import UserError

# Seconds: to get a connection, and between two pieces of the content.
TIMEOUT = (10, 30)
# A try that brought next to nothing new counts; the pause doubles from one to the next.
TRIES = 4
PAUSE = 1.0
# Refusals that pass by themselves: the server waited too long, or was asked too often.
PASSING = (408, 429)
# Fewer bytes than this are next to nothing; in so many seconds, the line hangs, though it is never
# silent.
LEAST = 1 << 16
LEAST_SECONDS = 120.0


class FetchError(UserError):
    """Something that is to come over the network didn't."""


def cache() -> Path:
    """The folder, one for each user, where downloads stay for the next time."""
    return platformdirs.user_cache_path("dogs-vs-cats")


def fetch(url: str, sha256: str, size: int, folder: Path) -> Path:
    """Download a file into `folder` unless it is there, and check that it is the expected one.

    A download that broke off goes on where it stopped, in this run or in a later one. Where what
    an earlier run left proves to be of another file, all of it is fetched anew, once.

    Parameters
    ----------
    size : of the file, in bytes; not one more is written.

    Raises
    ------
    FetchError
        The host cannot be reached, refuses, or sends something else.
    UserError
        The disk is full, or doesn't let us write.
    """
    path = folder / urlsplit(url).path.rpartition("/")[2]
    part = path.with_name(path.name + ".part")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and _sha256(path) == sha256:
            return path
        for _ in range(1 + part.exists()):
            _complete(url, size, part)
            found, brought = _sha256(part), _size(part)
            if found == sha256:
                return part.replace(path)
            part.unlink()
    raise FetchError(
        f"{url} is not the expected file: SHA-256 {found} ({brought:,} bytes) in place of "
        f"{sha256}; it was deleted, run again to fetch it anew"
    )


def _complete(url: str, size: int, part: Path) -> None:
    """Try until `part` has everything that the server has, or nothing more comes."""
    host = urlsplit(url).netloc
    tries = 0
    while True:
        before = _size(part)
        try:
            return _continue(url, size, part)
        except requests.HTTPError as error:
            answer = error.response
            reason = f"{host} answered {answer.status_code} {answer.reason} to {url}"
            if answer.status_code < 500 and answer.status_code not in PASSING:
                raise FetchError(reason) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reason = f"{host} could not be reached or broke off: {_detail(error)}"
        tries = 1 if _size(part) >= before + LEAST else tries + 1
        if tries == TRIES:
            kept = f"; {_size(part):,} bytes are kept, and running again goes on from there"
            raise FetchError(reason + kept * (_size(part) > 0))
        time.sleep(PAUSE * 2 ** (tries - 1))


def _continue(url: str, size: int, part: Path) -> None:
    """Ask once for what `part` lacks."""
    have = _size(part)
    # Compressed on the way, the bytes would not be those that a range counts.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if have and response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # there is nothing beyond what we have
        response.raise_for_status()
        if response.headers.get("Content-Type", "").startswith("text/html"):
            # Not to be written over the part: many networks answer so until one logs in.
            raise FetchError(f"{url} brought a web page in place of the file; open it in a browser")
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                desc=part.stem, total=size, initial=have, unit="B", unit_scale=True, disable=None
            ) as bar,
        ):
            for piece in _pieces(response):
                have += len(piece)
                if have > size:
                    file.close()
                    part.unlink()
                    raise FetchError(
                        f"{url} is not the expected file: it goes on beyond {size:,} bytes; what "
                        "came was deleted, run again to fetch it anew"
                    )
                file.write(piece)
                bar.update(len(piece))


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the content as it comes in, so that a line that drops costs nothing that came.

    Raises
    ------
    urllib3.exceptions.HTTPError
        The line drops, falls silent or brings next to nothing, or the content is shorter than
        the server said.
    """
    since, came = time.monotonic(), 0
    while piece := response.raw.read1(1 << 16, decode_content=True):
        yield piece
        came += len(piece)
        now = time.monotonic()
        if came >= LEAST:
            since, came = now, 0
        elif now - since > LEAST_SECONDS:
            raise urllib3.exceptions.HTTPError(f"{came:,} bytes in {now - since:.0f} seconds")


def _detail(error: Exception) -> str:
    """What the innermost of the errors says that requests and urllib3 wrap in one another."""
    for inner in (getattr(error, "reason", None), *error.args):
        if isinstance(inner, Exception):
            return _detail(inner)
    return str(error).rpartition(": ")[2]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
