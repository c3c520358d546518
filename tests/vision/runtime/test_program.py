import re
import subprocess
import sys

import pytest

from tests.code import ROOT


def run_python(program: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("raising", "said", "status"),
    [
        ("UserError('lr = 3 is refused')", "error: lr = 3 is refused", 1),
        # Several lines are printed as one.
        (
            r"UserError('while parsing\n  line 3\n\tfound a tab\n')",
            "error: while parsing line 3 found a tab",
            1,
        ),
        # Spaces are kept, since names may have them.
        (
            r"UserError('\'a  b\tc \' is no class;\r\n  the classes are \' cat\'')",
            "error: 'a  b\tc ' is no class; the classes are ' cat'",
            1,
        ),
        ("KeyboardInterrupt()", "interrupted; run again to go on", 130),
        ("OSError(28, 'No space left')", "error: the disk is full while writing [^\n]*", 1),
        ("KeyError('lr')", "Traceback.*KeyError: 'lr'", 1),
    ],
)
def test_an_error_of_the_user_is_one_line_on_stderr_and_others_keep_their_traceback(
    raising, said, status
):
    done = run_python(f"""
from vision.runtime.errors import UserError
from vision.runtime.program import run

def main():
    raise {raising}

run(main)
""")
    assert re.fullmatch(f"(?s){said}\n", done.stderr)
    assert (done.stdout, done.returncode) == ("", status)


def test_at_its_end_the_interpreter_has_nothing_to_go_through():
    program = """
import atexit, gc
from vision.runtime.program import run

def main():
    gc.disable()
    for _ in range(1000):
        cycle = []
        cycle.append(cycle)

atexit.register(lambda: print(gc.collect()))
run(main)
"""
    done = run_python(program)
    assert (done.stdout, done.stderr) == ("0\n", "")
