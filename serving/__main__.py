# PYTHON_ARGCOMPLETE_OK
"""`python -m serving`: uses the trained model. No stage imports this; serving/ does the work."""

from serving.command import main
from vision.runtime.program import run

if __name__ == "__main__":
    run(main)
