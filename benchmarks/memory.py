"""Watches a command: its time, and the memory that it and the processes that it starts take.

That is anonymous memory, what they allocate. Pages of files that they map come and go as the system
has room. Nor would the peak that the system keeps of a process do: it begins at that of the process
which started it.
"""

import subprocess
import sys
import time
from pathlib import Path

import psutil

# Seconds between two looks; a peak that is over sooner may be missed.
INTERVAL = 0.05


def watched(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command in a folder; return its seconds and its peak of memory in MB (1e6)."""
    start = time.perf_counter()
    peak = 0
    with psutil.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, anonymous(process))
            try:
                process.wait(INTERVAL)
            except psutil.TimeoutExpired:
                continue
        seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed; see above")
    return seconds, peak / 1e6


def anonymous(process: psutil.Process) -> int:
    """Return the bytes of anonymous memory of a process and of all below it."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            memory = one.memory_info()
            total += memory.rss - memory.shared  # shared: of files, and shared memory
    except psutil.NoSuchProcess:
        pass  # it ended meanwhile
    return total
