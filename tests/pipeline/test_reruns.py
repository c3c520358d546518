"""A changed parameter reruns the stages that it affects and no others.

Here the real dvc command runs the real dvc.yaml with commands that do no work: each writes
something new into each of its outputs, so that whatever depends on them must follow. What the
real stages do is tested in test_runs.py.
"""

from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.code import ROOT
from tests.pipeline.conftest import STAGES
from tests.pipeline.test_contract import ALL_PARAMETERS, EXEMPT, MODULES, expand, is_code
from tools.experiment import flatten

# For each parameter, another value.
CHANGES = """
seed: 7
lr: 1.0e-5
download: {source: external, sample_pictures: 30, max_files: 99, max_gb: 1, check_names: false,
  class_folder: first, splits: merge, table: labels.csv, bad_rows: 0.1,
  columns: {file: a, label: [b, c], split: d, group: e, weight: f}}
subset: {train: 13, validation: 7, test: 7, order: shuffled, leave_out_copies: false,
  group_by: copies, strict: true}
backbone: {name: vgg16, weights: random, preprocessing: rescale, pooling: none, image_size: 96}
store: {max_gb: 1}
audit: {share: 0.02, folds: 3, similarity: 0.7}
extract: {views: 1}
train_head: {standardize: true, levels: false, hidden_units: 8, dropout: 0.3, l2: 0.1,
  class_weight: balanced, optimizer: sgd, learning_rate: 0.1, schedule: constant, batch_size: 5,
  epochs: 4, patience: 2}
finetune: {unfreeze_from: [top, block7a], least_wrong: 3, views: 2,
  class_weight: balanced, optimizer: sgd, schedule: constant, batch_size: 5, epochs: 2, patience: 1}
augmentation: {flip: false, rotation: 11, zoom: 0.2, shift: 0.2, shear: 5, contrast: 0.2}
evaluate: {mirror: true, calibration_bins: 5, mistakes: 3}
calibrate: {most_wrong: 0.1}
"""
CHANGES = flatten(YAML(typ="safe", pure=True).load(CHANGES))

# The tables of docs/reference/reruns.md: a mark for each stage, by what changed.
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/reference/reruns.md").read_text().splitlines()
    if line.startswith("| `")
]
TABLE = {name: marks for names, *marks in ROWS for name in names.replace("`", "").split(", ")}
PARAMETERS = {name: own for name in TABLE if (own := expand({name}, ALL_PARAMETERS))}
FILES = [name for name in TABLE if is_code(name)]
USERS_FILES = ["data/external/cat/cat.0.jpg", "data/weights/own.weights.h5", "data/corrections.csv"]


def marked(name, marks="●○"):
    """Give the stages that the table marks so where this changes."""
    return [
        stage for stage, mark in zip(STAGES, TABLE[name], strict=True) if mark and mark in marks
    ]


# By a stage: what changes that one, and so those behind it.
ALONE = {
    marked(name, "●")[0]: name for name in (*FILES, *PARAMETERS) if len(marked(name, "●")) == 1
}


def workless_project(new_project, content):
    project = new_project()
    project.let_stages_do_no_work(content=content)
    assert project.repro() == STAGES
    return project


@pytest.fixture(scope="module")
def workless(new_project):
    return workless_project(new_project, "new")


@pytest.fixture(scope="module")
def same_results(new_project):
    """Here each stage writes what it wrote before."""
    return workless_project(new_project, "same")


def file_of(name):
    """Give the file of a name of the table; of a room, the one that every room has."""
    return name if Path(name).suffix else f"{name}/__init__.py"


def change(project, name):
    """Change a parameter, all of a section, or a file."""
    if name in PARAMETERS:
        project.set(**{own.replace(".", "__"): CHANGES[own] for own in PARAMETERS[name]})
        return
    path = project.folder / file_of(name)
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("# Another comment.\n")


def test_the_table_has_every_parameter_and_file():
    data = {"data/external", "data/weights", "data/corrections.csv"}
    assert set(TABLE) == set(PARAMETERS) | set(FILES) | data
    assert set().union(*PARAMETERS.values()) == ALL_PARAMETERS
    assert set(CHANGES) == ALL_PARAMETERS
    started_by_no_stage = "stages/guard"  # the stages start it, and no result depends on it
    for path in set(MODULES) - EXEMPT:
        assert any(path.is_relative_to(name) for name in (*FILES, started_by_no_stage)), path


def changed_stages(project, name):
    """Change something, and tell which stages DVC finds changed; undone at the end."""
    path = project.folder / ("params.yaml" if name in PARAMETERS else file_of(name))
    before = path.read_bytes() if path.exists() else None
    change(project, name)
    with Repo(project.folder) as repo:
        changed = repo.status()
    path.unlink() if before is None else path.write_bytes(before)
    # Named with their dvc.yaml, seen from where this runs.
    return [stage.rpartition(":")[2] for stage in changed]


@pytest.mark.parametrize("name", [*PARAMETERS, *FILES, *USERS_FILES])
def test_a_change_changes_the_stages_that_the_table_says(workless, name):
    row = next(row for row in TABLE if name == row or name.startswith(f"{row}/"))
    assert changed_stages(workless, name) == marked(row, "●")


@pytest.mark.parametrize("name", ["params.yaml", "data/external/README.md"])
def test_a_changed_comment_or_note_reruns_nothing(workless, name):
    assert changed_stages(workless, name) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_changed_stage_reruns_with_those_that_the_table_says(workless, stage):
    change(workless, ALONE[stage])
    assert workless.repro() == marked(ALONE[stage])


def test_with_several_stages_that_change_what_follows_each_reruns():
    for name in TABLE:
        follow = {stage for first in marked(name, "●") for stage in marked(ALONE[first])}
        assert set(marked(name)) == follow, name


def test_what_gets_the_same_bytes_from_before_does_not_rerun(same_results):
    change(same_results, "vision/figures")
    assert same_results.repro() == ["subset", "audit", "evaluate"]
    same_results.set(seed=8)
    assert same_results.repro() == [
        *("subset", "audit", "extract_views", "train_head", "finetune", "evaluate")
    ]
