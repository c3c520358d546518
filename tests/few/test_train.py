"""`few train`: what it runs, and what it says, from a folder of pictures to the report."""

import io
import re
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ruamel.yaml import YAML

from few import train
from few.runs import REPORT
from tests import forks
from tests.code import ROOT
from tests.pipeline.conftest import SMALL, STAGES, Project, stages_run
from tests.tableware import draw
from tools import dvc_command
from vision.params import load_params
from vision.runtime.files import read_json

pytestmark = pytest.mark.long

FIGURE = r"^  {} +(\d+\.\d) %   \((\d+\.\d) to (\d+\.\d) %\)$"


def photograph(folder, **counts):
    rng = np.random.default_rng(0)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            draw(label, rng).save(folder / label / f"IMG_{number:04}.jpg")
    return folder


def run(source=None, preset=None):
    said = io.StringIO()
    with redirect_stdout(said):
        train.train(source, preset, REPORT)
    return said.getvalue()


def counts():
    of_split = read_json(Path("metrics/subset.json"))
    return [list(of_split[split].values()) for split in ("train", "validation", "test")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What was said, and counted, of one run after another in one project."""
    home = tmp_path_factory.mktemp("train")
    project = Project(home / "project")
    project.set(**SMALL, evaluate__mistakes=1)
    project.commit("Begin")
    runs = SimpleNamespace(project=project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        # The stages are the project's own; they start sooner so.
        patch.setattr(dvc_command, "DVC", (str(forks.programs() / "dvc"),))
        patch.setattr(dvc_command, "environment", project._environment)

        (project.folder / "params.yaml").open("a").write("# a note of mine\n")
        tableware = photograph(home / "tableware", bowl=12, glass=12, mug=12)
        runs.first = run(tableware)
        runs.of_first = counts()
        runs.status = project.run("git", "status", "--porcelain").stdout

        with Path("data/corrections.csv").open("a") as corrections:
            corrections.write("mug/IMG_0003.jpg,relabel,bowl,it is one\n")
        runs.corrected = run(tableware)
        runs.of_corrected = counts()
        runs.again = run()

        project.run("git", "checkout", "--quiet", "data/corrections.csv")
        runs.sixty = run(photograph(home / "sixty", bowl=60, glass=60, mug=60))
        runs.of_sixty = counts()

        unbalanced = photograph(home / "unbalanced", bowl=8, glass=20, mug=60)
        runs.unbalanced = run(Path(shutil.make_archive(str(unbalanced), "zip", unbalanced)))
        runs.of_unbalanced = counts()
    return runs


def test_the_first_run_goes_from_a_folder_to_a_report(runs):
    assert stages_run(runs.first) == STAGES
    assert runs.of_first == [[6, 6, 6], [3, 3, 3], [3, 3, 3]]
    assert runs.first.endswith("report.html: open it in a browser\n")
    assert "Bowl, glass or mug?" in (runs.project.folder / "report.html").read_text()


def test_it_shows_the_commands_that_it_runs_and_the_parameters_that_it_sets(runs):
    shown = [line for line in runs.first.splitlines() if line.startswith(("$ ", "params.yaml: "))]
    assert shown == [
        "$ dvc add data/external/tableware",
        "$ git add data/external/tableware.dvc",
        "params.yaml: download.source = external",
        "params.yaml: subset.train = 0.5",
        "params.yaml: subset.validation = 0.25",
        "params.yaml: subset.test = 0.25",
        "$ dvc repro",
    ]


def test_of_a_dirty_tree_it_says_what_it_touches_and_touches_no_more(runs):
    assert (
        "There are uncommitted changes, in params.yaml. This is going to write params.yaml, "
        "data/external, dvc.lock, metrics, plots, and nothing else that git tracks"
    ) in runs.first
    assert "# a note of mine\n" in (runs.project.folder / "params.yaml").read_text()
    assert {line for line in runs.status.splitlines() if not line.startswith("??")} == {
        " M params.yaml",
        "A  data/external/tableware.dvc",
    }


@pytest.mark.parametrize("name", ["first", "corrected", "again", "sixty", "unbalanced"])
def test_it_ends_with_the_figures_that_matter_and_their_intervals(runs, name):
    said = getattr(runs, name)
    for figure in ("test accuracy", "called unsure"):
        (found,) = re.findall(FIGURE.format(figure), said, re.MULTILINE)
        value, low, high = map(float, found)
        assert 0 <= low <= value <= high <= 100
    assert "\n  accuracy where sure " in said


def test_after_a_correction_what_is_stale_runs_and_no_more(runs):
    assert stages_run(runs.corrected) == STAGES[1:]
    # Of 13 bowls as many as of 12, rounded down; of 11 mugs, one fewer in each split.
    assert runs.of_corrected == [[6, 6, 5], [3, 3, 2], [3, 3, 2]]
    assert "params.yaml: " not in runs.corrected  # the shares are those it has


def test_without_a_folder_it_goes_on_with_what_is_there(runs):
    assert stages_run(runs.again) == []
    assert "$ dvc add" not in runs.again


def test_sixty_of_each_take_the_place_of_those_before(runs):
    assert runs.of_sixty == [[36, 36, 36], [12, 12, 12], [12, 12, 12]]
    assert "$ dvc remove data/external/tableware.dvc\n" in runs.sixty


def test_classes_of_any_sizes_keep_them(runs):
    assert runs.of_unbalanced == [[4, 10, 30], [2, 5, 15], [2, 5, 15]]
    assert "There are many more of mug than of bowl" in runs.unbalanced


def test_of_unequal_classes_it_tells_what_always_saying_the_commonest_would_score(runs):
    assert "\n  always saying mug     68.2 %   (47.3 to 83.6 %)\n" in runs.unbalanced  # 15 of 22
    final = read_json(runs.project.folder / "metrics/evaluate.json")["finetuned"]
    balanced = f"{100 * final['balanced_accuracy']:5.1f}"
    assert (
        f"\n  balanced accuracy    {balanced} %   all classes count the same\n"
    ) in runs.unbalanced
    assert "always saying" not in runs.sixty
    assert "balanced accuracy  " not in runs.sixty


# --- what needs no run ---


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Notes what would be started, in a project with the figures of a run."""
    project = Project(tmp_path / "project")
    shutil.copytree(ROOT / "metrics", project.folder / "metrics")
    project.commit("Begin")
    monkeypatch.chdir(project.folder)
    started = []
    monkeypatch.setattr(train, "run_stages", lambda *command: started.append(command))
    monkeypatch.setattr(train.page, "write", lambda to: None)
    return started


def test_a_preset_is_set_in_params_yaml(started):
    said = run(preset="fast")
    assert started == [("repro",)]
    params = load_params(Path("params.yaml"))
    wanted = YAML(typ="safe").load(ROOT / "presets/fast.yaml")
    assert params.backbone.name == wanted["backbone"]["name"]
    assert params.finetune.unfreeze_from == wanted["finetune"]["unfreeze_from"]
    assert "params.yaml: finetune.unfreeze_from = [block5a]\n" in said
    assert "uncommitted" not in said


def test_what_params_yaml_has_already_is_not_written_anew(started):
    before = Path("params.yaml").read_bytes()
    run(preset="good")
    assert Path("params.yaml").read_bytes() == before


def test_what_cannot_be_used_changes_nothing(started, tmp_path):
    before = Path("params.yaml").read_bytes()
    with pytest.raises(train.pictures.UserError, match="doesn't exist"):
        run(tmp_path / "nowhere", preset="fast")
    assert Path("params.yaml").read_bytes() == before
    assert started == []


def test_where_it_is_sure_of_none_that_is_said(started):
    evaluation = read_json(Path("metrics/evaluate.json"))
    said = train.figures(evaluation, {"test": {"unsure": 1.0}}, {"cat": 500, "dog": 500})
    assert "\n  called unsure        100.0 %   (99.6 to 100.0 %)\n" in said
    assert said.endswith("\n  accuracy where sure      -     (it is sure of none)")
