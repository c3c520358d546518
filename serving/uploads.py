"""Removes uploaded files as soon as nobody waits for them.

Gradio keeps what is uploaded as DIGEST/NAME, so that people who drop the same file share one path:
the first answer must not take it from the second. So it is counted who waits for a file, from the
answer to its upload on.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path


class Uploads:
    """Counts who waits for the files of a folder.

    Parameters
    ----------
    folder : where all that is uploaded lies.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = threading.Lock()
        self._arriving = 0
        self._waiting: Counter[Path] = Counter()

    def begin(self) -> None:
        """Note that files are about to arrive: until `arrived`, nothing is removed."""
        with self._lock:
            self._arriving += 1

    def arrived(self, files: Iterable[str]) -> None:
        """Note which files somebody waits for now: none where the upload failed."""
        with self._lock:
            self._arriving -= 1
            self._waiting.update(_paths(files))
            self._clear()

    def answered(self, files: Iterable[str]) -> None:
        """Note that somebody waits no longer."""
        with self._lock:
            self._waiting.subtract(_paths(files))
            self._clear()

    def _clear(self) -> None:
        # What arrives may be one of them, which is there already and not counted yet.
        if self._arriving:
            return
        for path in [path for path, people in self._waiting.items() if people <= 0]:
            path.unlink(missing_ok=True)
            del self._waiting[path]

    def sweep(self, age: float) -> None:
        """Remove all that nobody has written to for so many seconds, as of who went away."""
        oldest = time.time() - age
        for path in self.folder.rglob("*"):
            with suppress(FileNotFoundError):  # another has removed it
                if path.is_file() and path.stat().st_mtime < oldest:
                    with self._lock:
                        path.unlink()
                        self._waiting.pop(path.resolve(), None)


class Counting:
    """Notes uploads, as ASGI middleware around a Gradio app: its answer to one lists the files."""

    def __init__(self, app: Callable[..., Awaitable[None]], uploads: Uploads):
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/upload"):
            await self._app(scope, receive, send)
            return
        body = bytearray()

        async def send_and_note(message: dict) -> None:
            body.extend(message.get("body", b""))
            await send(message)

        self._uploads.begin()
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._uploads.arrived(_listed(bytes(body)))


def _listed(body: bytes) -> list[str]:
    """Return the files that an answer lists; one that refuses them lists none."""
    try:
        content = json.loads(body)
    except ValueError:
        return []
    return content if isinstance(content, list) else []


def _paths(files: Iterable[str]) -> list[Path]:
    return [Path(file).resolve() for file in files]
