"""Wait for a dvc to end, and repair what it left half written if it was killed.

    python -m stages.guard NUMBER

NUMBER is that of a process which the dvc started, or its own. Each stage starts a guard, of which
the first stays; so the next `dvc repro` finds no lock and no dvc.lock that it could not read.
"""

import os
import select
import sys
from pathlib import Path

import psutil
import zc.lockfile

from stages.guard import locks

ON_DUTY = Path(".dvc/tmp/guard.lock")


def main() -> None:
    try:
        on_duty = zc.lockfile.LockFile(str(ON_DUTY))
    except (zc.lockfile.LockError, FileNotFoundError):
        return  # another guard waits, or this is no folder of DVC's
    from stages.guard import (
        lock_files,  # not sooner: it takes a quarter of a second, and most leave above
    )

    earlier = lock_files.read()
    try:
        process = psutil.Process(int(sys.argv[1]))
        for ancestor in (process, *process.parents()):
            if locks.is_dvc(ancestor.pid):
                select.select([os.pidfd_open(ancestor.pid)], [], [])
                break
    except (psutil.NoSuchProcess, ProcessLookupError):
        pass  # it is gone already
    lock_files.mend(earlier)
    locks.clear()
    on_duty.close()


if __name__ == "__main__":
    main()
