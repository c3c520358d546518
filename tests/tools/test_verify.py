"""The comparison of two clones."""

import shutil
import subprocess
import sys

import pytest

from tests.code import ROOT
from tests.files import write_files
from tools import verify
from tools.experiment import flatten, set_params
from tools.verify import differences
from vision.networks.backbones import image_sizes, of_network
from vision.params import load_params
from vision.runtime.errors import UserError

pytestmark = pytest.mark.long

LOCK = """\
stages:
  extract:
    cmd: python -m stages.extract
    outs:
    - path: data/features
      md5: 0123
  evaluate:
    cmd: python -m stages.evaluate
    outs:
    - path: metrics/evaluate.json
      md5: 4567
"""


def test_two_clones_give_the_same_bytes():
    """Under another time zone, language, home, hash seed, umask, and order of files."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.verify"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the same bytes: dvc.lock and every output\n")


def test_what_is_compared_is_fine_tuned_as_by_default(tmp_path):
    """One network of several, each at a size of its own, however few pictures there are."""
    default = load_params(ROOT / "params.yaml")
    set_params(shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml"), flatten(verify.SMALL))
    small = load_params(tmp_path / "params.yaml")
    for params in (default, small):
        network, _ = of_network(params.finetune.blocks[0])
        assert network in params.backbone.name.split("+")
        assert len(set(image_sizes(params.backbone.name, params.backbone.image_size))) > 1
    assert small.finetune.least_wrong == 0
    assert small.finetune.epochs > 0


@pytest.mark.parametrize(
    ("lock", "named"),
    [
        (LOCK, []),
        (LOCK.replace("4567", "89"), ["dvc.lock", "metrics/evaluate.json"]),
        (LOCK.replace("m stages", "m other.stages"), ["dvc.lock"]),
        (LOCK.partition("  evaluate:")[0], ["dvc.lock", "metrics/evaluate.json"]),
    ],
)
def test_what_differs_is_named(tmp_path, lock, named):
    one = write_files(tmp_path / "one", {"dvc.lock": LOCK.encode()})
    another = write_files(tmp_path / "another", {"dvc.lock": lock.encode()})
    assert differences(one, another) == differences(another, one) == named


def test_without_git_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "ROOT", tmp_path)
    with pytest.raises(UserError, match=r"no git repository.* `git init "):
        verify.working_tree()
