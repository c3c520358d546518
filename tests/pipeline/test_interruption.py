"""Runs that are stopped anywhere: the next `dvc repro` ends as if nothing had happened.

What is stopped are the programs that a user starts; their results are held to those of forks.
"""

import os
import random
import shutil
import signal
import subprocess
import time

import pandas as pd
import psutil
import pytest

from tests.pipeline.conftest import STAGES, stages_run

pytestmark = pytest.mark.long

# Longer than any stage's start, shorter than a test should take.
LONGEST_WAIT = 6
# Drawn anew in each run.
KILLS = 3


class Started:
    """A `dvc repro` under way, whose output is read line by line."""

    def __init__(self, project, *options):
        self.process = project.start("dvc", "repro", *options)
        self.output = ""

    def read_until(self, text):
        """Read until a line has the text, or to the end."""
        for line in self.process.stdout:
            self.output += line
            if text in line:
                return
        raise AssertionError(f"{text!r} never came:\n{self.output}")

    def stages(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number, whole_group):
        if whole_group:
            os.killpg(self.process.pid, number)
        else:
            os.kill(self.process.pid, number)
        self.output += self.process.communicate(timeout=60)[0]


@pytest.fixture
def moments():
    seed = random.randrange(10**6)
    print(f"moments drawn by random.Random({seed})")
    return random.Random(seed)


def test_killed_at_any_moment_a_run_ends_with_the_same_bytes(two_classes, new_project, moments):
    project = new_project(download__sample_pictures=26, finetune__epochs=3)
    project.forks = False
    for stage in sorted(moments.sample(STAGES, KILLS), key=STAGES.index):
        run = Started(project)
        run.read_until(f"tage '{stage}'")  # runs, or was finished before the last kill
        time.sleep(moments.uniform(0, LONGEST_WAIT))
        run.stop(signal.SIGKILL, whole_group=moments.random() < 0.5)

    project.forks = True  # here nothing is stopped any more
    finished = project.dvc("repro")
    assert (project.folder / "dvc.lock").read_bytes() == two_classes.lock
    assert "corrupt" not in finished.stdout + finished.stderr
    assert stages_run(project.dvc("repro").stdout) == []
    left = {path.name for path in project.folder.rglob(".*")}
    assert not {name for name in left if name.endswith(".npz") or ".partial" in name}


def test_an_interrupted_fine_tuning_goes_on_after_its_last_finished_epoch(two_classes, tmp_path):
    """Killed and interrupted with Ctrl-C, in turn; the curve so far can be drawn all the time."""
    project = two_classes.copy_to(tmp_path / "project", forks=False)
    project.forget("models/finetuned.keras")
    curve = project.folder / "plots/finetune.csv"
    measured = project.folder / "dvclive/finetune/plots/metrics/validation/loss.tsv"
    whole = curve.read_text().splitlines()

    run = Started(project)
    run.read_until("Running stage 'finetune'")
    run.read_until("epoch 1 of 3")
    assert curve.read_text().splitlines() == whole[:2]
    run.stop(signal.SIGKILL, whole_group=True)

    run = Started(project)
    run.read_until("Running stage 'finetune'")
    run.read_until("epoch 2 of 3")
    assert "goes on after epoch 1" in run.output
    assert "epoch 1 of 3" not in run.output
    assert curve.read_text().splitlines() == whole[:3]
    assert list(pd.read_csv(measured, sep="\t")["step"]) == [1, 2]
    run.stop(signal.SIGINT, whole_group=True)
    assert run.process.returncode != 0
    assert "interrupted; run again to go on\n" in run.output
    assert "Traceback" not in run.output

    project.forks = True  # here nothing is stopped any more
    finished = project.dvc("repro")
    assert "goes on after epoch 2" in finished.stdout
    assert (project.folder / "dvc.lock").read_bytes() == two_classes.lock
    assert project.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.parametrize(
    ("file", "half"),
    [
        (None, None),
        (".dvc/tmp/rwlock", '{"write": {"/data'),
        ("dvc.lock", "schema: '2.0'\nstages:\n  down"),
    ],
    ids=["whole", "rwlock", "dvc.lock"],
)
def test_a_killed_dvc_leaves_no_process_and_nothing_in_the_way(two_classes, tmp_path, file, half):
    """A stage that goes on would write into the outputs of the next run.

    Half a file, which DVC writes in place, stops every later command.
    """
    project = two_classes.copy_to(tmp_path / "project", forks=False)
    on_duty = project.folder / ".dvc/tmp/guard.lock"
    on_duty.unlink()  # of the guard of earlier runs
    run = Started(project, "--force", "--single-item", "extract")
    run.read_until("Running stage")
    while not on_duty.exists() or not run.stages():
        time.sleep(0.01)
    time.sleep(2)  # in the midst of the import of TensorFlow
    started = run.stages()
    if file:
        (project.folder / file).write_text(half)
    run.stop(signal.SIGKILL, whole_group=False)
    assert not psutil.wait_procs(started, timeout=30)[1]
    project.forks = True  # here nothing is stopped any more
    assert project.repro() == []  # all of it is in the run cache
    assert (project.folder / "dvc.lock").read_bytes() == two_classes.lock


# For each stage: its outputs go first, so that the room left is all that it has.
FULL_DISK = """
mount -t tmpfs -o size=2g tmpfs "$1"
cp -a "$2" "$1/project"
cd "$1/project"
fill_and_run() {
    stage=$1 room=$2 told=$3 lock=$4
    shift 4
    rm -rf "$@"
    free=$(df --output=avail -B1 . | tail -1)
    head -c $((free - room)) /dev/zero > ../ballast
    dvc repro --force --single-item $stage > "$told/$stage" 2>&1 && exit 90
    rm ../ballast
    dvc repro || exit 91
    cmp dvc.lock "$lock" || exit 92
}
fill_and_run subset 200000 "$3" "$2/dvc.lock" data/subset plots/samples.png
fill_and_run finetune 2000000 "$3" "$2/dvc.lock" models/finetuned.keras
"""


def may_mount():
    tried = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
    return shutil.which("unshare") and not subprocess.run(tried, capture_output=True).returncode


@pytest.mark.skipif(not may_mount(), reason="needs a small file system, which it may not mount")
def test_a_full_disk_is_told_in_one_line_and_costs_nothing(two_classes, tmp_path):
    for name in ("disk", "told"):
        (tmp_path / name).mkdir()
    places = (str(tmp_path / "disk"), str(two_classes.folder), str(tmp_path / "told"))
    # Not forks of what knows nothing of that mount.
    project = two_classes.copy_to(tmp_path / "project", forks=False)
    project.run("unshare", "--map-root-user", "--mount", "bash", "-c", FULL_DISK, "full", *places)
    for stage in ("subset", "finetune"):
        told = (tmp_path / "told" / stage).read_text()
        assert told.count("\nerror: the disk is full while writing ") == 1, told
        assert "Traceback" not in told
