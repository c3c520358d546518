# PYTHON_ARGCOMPLETE_OK
"""`few`, and `python -m few`."""

from few import command
from vision.runtime.program import run


def main() -> None:
    run(command.main)


if __name__ == "__main__":
    main()
