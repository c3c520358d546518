"""A changed parameter reruns the stages that it affects and no others.

Here the real dvc command runs the real dvc.yaml with commands that do no work: each writes
something new into each of its outputs, so that whatever depends on them must follow. What the
real stages do is tested in test_runs.py.
"""

import pytest
from dvc.repo import Repo

from tests.code import ROOT
from tests.pipeline.conftest import STAGES
from tests.pipeline.test_contract import ALL_PARAMETERS, EXEMPT, MODULES, expand, is_code

# None of these takes anything from the audit.
BEHIND_THE_AUDIT = STAGES[STAGES.index("audit") + 1 :]

# Each parameter: another value, and the first stage that must rerun; all behind it follow, but
# for those that are named.
CHANGES = {
    "seed": (7, "subset"),
    "lr": (1e-5, "finetune"),
    "download.source": ("external", "download"),
    "download.sample_pictures": (30, "download"),
    "download.max_files": (99, "download"),
    "download.max_gb": (1, "download"),
    "download.check_names": (False, "download"),
    "subset.train": (13, "subset"),
    "subset.validation": (7, "subset"),
    "subset.test": (7, "subset"),
    "subset.order": ("shuffled", "subset"),
    "subset.leave_out_copies": (False, "subset"),
    "backbone.name": ("vgg16", "extract"),
    "backbone.weights": ("random", "extract"),
    "backbone.pooling": ("none", "extract"),
    "backbone.image_size": (96, "extract"),
    "store.max_gb": (1, "extract"),
    "audit.share": (0.02, "audit", *BEHIND_THE_AUDIT),
    "audit.folds": (3, "audit", *BEHIND_THE_AUDIT),
    "audit.neighbours": (5, "audit", *BEHIND_THE_AUDIT),
    "audit.similarity": (0.7, "audit", *BEHIND_THE_AUDIT),
    "extract.views": (1, "extract_views"),
    "train_head.standardize": (True, "train_head"),
    "train_head.levels": (False, "train_head"),
    "train_head.hidden_units": (8, "train_head"),
    "train_head.dropout": (0.3, "train_head"),
    "train_head.l2": (0.1, "train_head"),
    "train_head.optimizer": ("sgd", "train_head"),
    "train_head.learning_rate": (0.1, "train_head"),
    "train_head.schedule": ("constant", "train_head"),
    "train_head.batch_size": (5, "train_head"),
    "train_head.epochs": (4, "train_head"),
    "train_head.patience": (2, "train_head"),
    "finetune.unfreeze_from": (["top", "block7a"], "finetune"),
    "finetune.least_wrong": (3, "finetune"),
    "finetune.views": (2, "finetune"),
    "finetune.optimizer": ("sgd", "finetune"),
    "finetune.schedule": ("constant", "finetune"),
    "finetune.batch_size": (5, "finetune"),
    "finetune.epochs": (2, "finetune"),
    "finetune.patience": (1, "finetune"),
    "augmentation.flip": (False, "extract_views"),
    "augmentation.rotation": (11, "extract_views"),
    "augmentation.zoom": (0.2, "extract_views"),
    "augmentation.shift": (0.2, "extract_views"),
    "augmentation.shear": (5, "extract_views"),
    "augmentation.contrast": (0.2, "extract_views"),
    "evaluate.mirror": (True, "evaluate"),
    "evaluate.calibration_bins": (5, "evaluate"),
    "evaluate.mistakes": (3, "evaluate"),
    "calibrate.most_wrong": (0.1, "calibrate"),
}

# The tables of docs/reruns.md: a mark for each stage, by what changed.
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/reruns.md").read_text().splitlines()
    if line.startswith("| `")
]
TABLE = {
    name: marks
    for names, *marks in ROWS
    for written in names.replace("`", "").split(", ")
    for name in expand({written}, ALL_PARAMETERS) or {written}
}
FILES = [name for name in TABLE if is_code(name)]
# One of each kind: of the parameters and files that rerun the same stages.
KINDS = {tuple(TABLE[name]): name for name in reversed(TABLE) if name in CHANGES or name in FILES}


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


def marked(name, marks="●○"):
    """Give the stages that the table marks so where this changes."""
    return [
        stage for stage, mark in zip(STAGES, TABLE[name], strict=True) if mark and mark in marks
    ]


def module_of(name):
    """Give the file of a name of the table; of a room, the one that every room has."""
    return name if name.endswith(".py") else f"{name}/__init__.py"


def change(project, name):
    path = project.folder / module_of(name)
    path.write_text(path.read_text() + "# Another comment.\n")


def test_the_table_has_every_parameter_and_file():
    data = {"data/external", "data/weights", "data/corrections.csv"}
    assert set(TABLE) == ALL_PARAMETERS | set(FILES) | data
    assert set(CHANGES) == ALL_PARAMETERS
    started_by_no_stage = "stages/guard"  # the stages start it, and no result depends on it
    for path in set(MODULES) - EXEMPT:
        assert any(path.is_relative_to(name) for name in (*FILES, started_by_no_stage)), path


def changed_stages(project):
    """Tell which stages DVC finds changed."""
    with Repo(project.folder) as repo:
        changed = repo.status()
    # Named with their dvc.yaml, seen from where this runs.
    return [stage.rpartition(":")[2] for stage in changed]


@pytest.mark.parametrize("file", FILES)
def test_a_changed_file_changes_the_stages_that_the_table_says(workless, file):
    module = workless.folder / module_of(file)
    before = module.read_text()
    change(workless, file)
    changed = changed_stages(workless)
    module.write_text(before)
    assert changed == marked(file, "●")


@pytest.mark.parametrize("parameter", CHANGES)
def test_a_changed_parameter_changes_the_stages_that_the_table_says(workless, parameter):
    value, first, *untouched = CHANGES[parameter]
    before = (workless.folder / "params.yaml").read_text()
    workless.set(**{parameter.replace(".", "__"): value})
    changed = changed_stages(workless)
    (workless.folder / "params.yaml").write_text(before)
    assert changed == marked(parameter, "●")
    affected = [name for name in STAGES[STAGES.index(first) :] if name not in untouched]
    assert affected == marked(parameter)


@pytest.mark.parametrize("name", KINDS.values())
def test_a_change_reruns_the_stages_that_the_table_says(workless, name):
    """One of each kind; what changes which stages is tested above."""
    if name in CHANGES:
        workless.set(**{name.replace(".", "__"): CHANGES[name][0]})
    else:
        change(workless, name)
    assert workless.repro() == marked(name)


def test_what_gets_the_same_bytes_from_before_does_not_rerun(same_results):
    change(same_results, "vision/figures")
    assert same_results.repro() == ["subset", "audit", "evaluate"]
    same_results.set(seed=8)
    assert same_results.repro() == [
        *("subset", "audit", "extract_views", "train_head", "finetune", "evaluate")
    ]


def test_a_changed_comment_reruns_nothing(workless):
    path = workless.folder / "params.yaml"
    path.write_text("# Another comment.\n" + path.read_text())
    assert workless.repro() == []


def test_a_picture_put_into_external_reruns_all_a_note_about_it_nothing(workless):
    external = workless.folder / "data/external"
    (external / "README.md").write_text("Another text.")
    assert workless.repro() == []
    (external / "cat").mkdir()
    (external / "cat/cat.0.jpg").write_bytes(b"a picture")
    assert workless.repro() == STAGES == marked("data/external")


@pytest.mark.parametrize("file", ["data/weights/own.weights.h5", "data/corrections.csv"])
def test_a_file_of_the_user_s_reruns_what_the_table_says(workless, file):
    (workless.folder / file).write_bytes(b"others")
    named = next(name for name in TABLE if file.startswith(name))
    assert workless.repro() == marked(named)
