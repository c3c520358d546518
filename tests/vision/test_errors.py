import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_main(raising: str) -> subprocess.CompletedProcess:
    """Run, as a stage does, a `main` that raises."""
    program = f"""
from vision.errors import UserError, run

def main():
    raise {raising}

run(main)
"""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_user_error_is_one_line_on_stderr_and_status_1():
    done = run_main("UserError('params.yaml: lr = 3 is refused')")
    assert done.stderr == "error: params.yaml: lr = 3 is refused\n"
    assert done.stdout == ""
    assert done.returncode == 1


def test_a_message_of_several_lines_is_printed_as_one():
    done = run_main(r"UserError('while parsing\n  line 3\n\tfound a tab\n')")
    assert done.stderr == "error: while parsing line 3 found a tab\n"


def test_any_other_exception_keeps_its_traceback():
    done = run_main("KeyError('lr')")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("KeyError: 'lr'\n")
    assert done.returncode != 0
