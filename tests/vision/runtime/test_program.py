import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run_raising(raising: str) -> subprocess.CompletedProcess:
    """Run, as a stage does, a `main` that raises."""
    program = f"""
from vision.runtime.errors import UserError
from vision.runtime.program import run

def main():
    raise {raising}

run(main)
"""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_user_error_is_one_line_on_stderr_and_status_1():
    done = run_raising("UserError('params.yaml: lr = 3 is refused')")
    assert done.stderr == "error: params.yaml: lr = 3 is refused\n"
    assert done.stdout == ""
    assert done.returncode == 1


def test_a_message_of_several_lines_is_printed_as_one():
    done = run_raising(r"UserError('while parsing\n  line 3\n\tfound a tab\n')")
    assert done.stderr == "error: while parsing line 3 found a tab\n"


def test_spaces_in_a_message_are_kept_since_names_may_have_them():
    done = run_raising(r"UserError('\'a  b\tc \' is no class;\r\n  the classes are \' cat\'')")
    assert done.stderr == "error: 'a  b\tc ' is no class; the classes are ' cat'\n"


def test_any_other_exception_keeps_its_traceback():
    done = run_raising("KeyError('lr')")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("KeyError: 'lr'\n")
    assert done.returncode != 0


def test_ctrl_c_is_one_line_and_its_own_status():
    done = run_raising("KeyboardInterrupt()")
    assert done.stderr == "interrupted; run again to go on\n"
    assert done.returncode == 130


def test_a_full_disk_is_one_line():
    done = run_raising("OSError(28, 'No space left on device')")
    assert done.stderr.startswith("error: the disk is full while writing ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1


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
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
