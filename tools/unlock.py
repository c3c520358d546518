"""Clears away what a killed dvc left of its locks; those of a dvc that runs stay.

python -m tools.unlock
"""

from stages.guard import locks
from vision.runtime.program import run

if __name__ == "__main__":
    run(locks.clear)
