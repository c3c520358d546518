"""Clear away the locks of a killed dvc.

DVC notes which process reads and writes what in .dvc/tmp/rwlock, and writes that file in place:
killed at that moment it leaves half of it, which every later command refuses to read
(treeverse/dvc#7615). A process noted there that is gone is forgotten by DVC itself, but not one
whose number another program has got by now.
"""

import json
from pathlib import Path

import psutil
import zc.lockfile

LOCKS = Path(".dvc/tmp/rwlock")
GUARD = Path(".dvc/tmp/rwlock.lock")


def clear() -> None:
    """Remove the file where no dvc that runs is noted in it, or it is half a file."""
    if not LOCKS.exists():
        return
    try:
        guard = zc.lockfile.LockFile(str(GUARD))
    except zc.lockfile.LockError:
        return  # a dvc is at it, whose business it is
    try:
        if not in_use(LOCKS.read_text(encoding="utf-8")):
            LOCKS.unlink()
    finally:
        guard.close()


def in_use(locks: str) -> bool:
    """Check whether a dvc that runs is noted in the content of a rwlock file."""
    try:
        noted = json.loads(locks)
    except ValueError:
        return False
    entries = list(noted.get("write", {}).values())
    for readers in noted.get("read", {}).values():
        entries += readers
    return any(is_dvc(entry["pid"]) for entry in entries)


def is_dvc(number: int) -> bool:
    """Check whether a dvc runs as the process of that number."""
    try:
        return any(Path(part).name == "dvc" for part in psutil.Process(number).cmdline())
    except psutil.NoSuchProcess:
        return False
