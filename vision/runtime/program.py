"""Run a stage as a program."""

import gc
import re
import sys
from collections.abc import Callable
from pathlib import Path

from vision.runtime import environment
from vision.runtime.disk import disk_errors
from vision.runtime.errors import UserError

# As shells give it for a program that Ctrl-C ended: 128 and the number of SIGINT.
_INTERRUPTED = 130
# With what is around it; other spaces may be in the name of a file.
_LINE_BREAK = re.compile(r"\s*[\n\v\f\r\x85\u2028\u2029]\s*")


def run(main: Callable[[], None], note: Path | None = None) -> None:
    """Run a program's `main`, and print errors that its user can fix, each in one line on stderr.

    That is a UserError, or a disk that is full or refuses, with exit status 1; and Ctrl-C, with
    130. Any other exception is a bug of ours and keeps its traceback.

    Parameters
    ----------
    note : a file in which the environment is noted when `main` has ended well.
    """
    gc.freeze()  # what was imported stays; collections that go through all of it take long
    try:
        with disk_errors(Path.cwd()):
            main()
            if note:
                environment.note(Path(sys.argv[0]).stem, note)
    except UserError as error:
        for line in error.args:
            print("error:", _LINE_BREAK.sub(" ", str(line).rstrip()), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted; run again to go on", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    finally:
        gc.freeze()  # nor does the last one, at the interpreter's end, have anything to find
