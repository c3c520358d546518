"""Clears away what a killed dvc left of its locks; those of a dvc that runs stay.

python -m tools.unlock
"""

from tools import locks
from vision.program import run

if __name__ == "__main__":
    run(locks.clear)
