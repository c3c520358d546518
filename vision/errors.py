"""What the user can mend: one clear line, no traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can put right: what was found, what was expected, what to do next."""


def run(main: Callable[[], None]) -> None:
    """Run a program's `main`; print a UserError as one line on stderr and exit with status 1.

    Any other exception is a bug of ours and keeps its traceback.
    """
    try:
        main()
    except UserError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(1)
