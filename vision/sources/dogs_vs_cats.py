"""The Dogs vs. Cats pictures, all 25,000, from Microsoft or from Kaggle."""

import contextlib
import io
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests

from vision.runtime.disk import disk_errors
from vision.runtime.errors import UserError
from vision.sources.entries import Bounds
from vision.sources.fetch import TIMEOUT, FetchError, cache, fetch
from vision.sources.members import DamagedError
from vision.sources.unpack import unpack

MICROSOFT = (
    "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/"
    "kagglecatsanddogs_5340.zip"
)
MICROSOFT_SHA256 = "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9"
MICROSOFT_BYTES = 824_887_076
COMPETITION = "dogs-vs-cats"
RULES = f"https://www.kaggle.com/competitions/{COMPETITION}/rules"


def from_microsoft(folder: Path, bounds: Bounds) -> None:
    """Write Microsoft's archive of the pictures to `folder`/{cat,dog}/NUMBER.jpg.

    Raises
    ------
    FetchError
        The archive cannot be downloaded.
    UserError
        The disk is full, or doesn't let us write.
    """
    unpack(fetch(MICROSOFT, MICROSOFT_SHA256, MICROSOFT_BYTES, cache()), folder, bounds)
    for label in ("Cat", "Dog"):
        (folder / label).rename(folder / label.lower())


def from_kaggle(folder: Path, bounds: Bounds) -> None:
    """Write the training pictures of Kaggle's archive to `folder`/{cat,dog}/LABEL.NUMBER.jpg.

    Raises
    ------
    FetchError
        The archive cannot be downloaded.
    UserError
        There are no credentials, the rules of the competition weren't accepted, the archive is
        damaged, or the disk is full or doesn't let us write.
    """
    archive = cache() / f"{COMPETITION}.zip"
    if not archive.exists():
        with disk_errors(archive.parent):
            _ask_kaggle(archive)
    try:
        unpack(archive, folder, bounds)
    except DamagedError as error:
        # Kaggle publishes no checksum; those inside the archive are what there is.
        archive.unlink()
        raise UserError(f"{error}: it was deleted, so run again") from None


def _ask_kaggle(archive: Path) -> None:
    """Download with Kaggle's own client, which resumes, into a folder until it is complete."""
    incoming = archive.with_name("kaggle.part")
    try:
        # Without credentials the client prints a page of advice and exits, at its import too.
        with _impatient():
            with contextlib.redirect_stdout(io.StringIO()):
                import kaggle

                kaggle.api.authenticate()
            kaggle.api.competition_download_files(
                COMPETITION, path=str(incoming), quiet=not sys.stderr.isatty()
            )
    except SystemExit:
        raise UserError(
            "Kaggle's client found no valid credentials; create a token at "
            "https://www.kaggle.com/settings/api and save it as ~/.kaggle/access_token, or set "
            "KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY"
        ) from None
    except requests.HTTPError as error:
        raise FetchError(_refusal(error.response)) from None
    except (requests.RequestException, ValueError) as error:
        request = getattr(error, "request", None)
        host = "www.kaggle.com" if request is None else urlsplit(request.url).netloc
        # The ValueError is the client's, over a file shorter than announced.
        raise FetchError(f"{host} could not be reached or broke off; run again to go on") from None
    (incoming / archive.name).replace(archive)
    shutil.rmtree(incoming)


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Give up on a silent server, as Kaggle's client, which sets no limit, wouldn't."""
    plain = requests.Session.send

    def send(session: requests.Session, *args: object, **kwargs: object) -> requests.Response:
        return plain(session, *args, **kwargs | {"timeout": kwargs.get("timeout") or TIMEOUT})

    requests.Session.send = send
    try:
        yield
    finally:
        requests.Session.send = plain


def _refusal(answer: requests.Response) -> str:
    match answer.status_code:
        case 401:
            return "Kaggle refused the credentials (401); create a new token at its settings page"
        case 403:
            return f"Kaggle refused (403); log in, accept the rules at {RULES} and run again"
        case status:
            return f"Kaggle answered {status} {answer.reason} for the competition {COMPETITION}"
