"""A changed parameter reruns the stages that it affects and no others.

Here the real dvc command runs the real dvc.yaml with commands that do no work: each writes
something new into each of its outputs, so that whatever depends on them must follow. What the
real stages do is tested in test_runs.py.
"""

import pytest
from ruamel.yaml import YAML

from tests.pipeline.test_contract import ALL_PARAMETERS, outputs

CHAIN = ["download", "subset", "extract", "train_head", "finetune", "evaluate"]

# Each parameter: another value, and the first stage that must rerun; all behind it follow.
CHANGES = {
    "seed": (7, "subset"),
    "lr": (1e-5, "finetune"),
    "download.source": ("external", "download"),
    "download.sample_pictures": (30, "download"),
    "subset.train": (13, "subset"),
    "subset.validation": (7, "subset"),
    "subset.test": (7, "subset"),
    "subset.order": ("shuffled", "subset"),
    "backbone.name": ("vgg16", "extract"),
    "backbone.weights": ("random", "extract"),
    "backbone.pooling": ("none", "extract"),
    "backbone.image_size": (96, "extract"),
    "train_head.hidden_units": (8, "train_head"),
    "train_head.dropout": (0.3, "train_head"),
    "train_head.l2": (0.1, "train_head"),
    "train_head.optimizer": ("sgd", "train_head"),
    "train_head.learning_rate": (0.1, "train_head"),
    "train_head.batch_size": (5, "train_head"),
    "train_head.epochs": (4, "train_head"),
    "train_head.patience": (2, "train_head"),
    "finetune.unfreeze_from": ("top", "finetune"),
    "finetune.optimizer": ("sgd", "finetune"),
    "finetune.batch_size": (5, "finetune"),
    "finetune.epochs": (2, "finetune"),
    "finetune.patience": (1, "finetune"),
    "augmentation.flip": (False, "finetune"),
    "augmentation.rotation": (11, "finetune"),
    "augmentation.zoom": (0.2, "finetune"),
    "augmentation.shift": (0.2, "finetune"),
    "augmentation.shear": (5, "finetune"),
    "augmentation.contrast": (0.2, "finetune"),
    "evaluate.calibration_bins": (5, "evaluate"),
    "evaluate.mistakes": (3, "evaluate"),
}

WORKLESS = """
import pathlib, sys, uuid
for path in map(pathlib.Path, sys.argv[1:]):
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        path /= "content.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"new": "{uuid.uuid4()}"}}')
"""


@pytest.fixture(scope="module")
def workless(new_project):
    project = new_project()
    path = project.folder / "dvc.yaml"
    content = YAML(typ="safe").load(path)
    for name, stage in content["stages"].items():
        stage["cmd"] = f"python workless.py {' '.join(outputs(name))}"
    YAML().dump(content, path)
    (project.folder / "workless.py").write_text(WORKLESS)
    assert project.repro() == CHAIN
    return project


def test_the_table_has_every_parameter():
    assert set(CHANGES) == ALL_PARAMETERS


@pytest.mark.parametrize("parameter", CHANGES)
def test_a_changed_parameter_reruns_what_it_affects(workless, parameter):
    value, first = CHANGES[parameter]
    workless.set(**{parameter.replace(".", "__"): value})
    assert workless.repro() == CHAIN[CHAIN.index(first) :]


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
    assert workless.repro() == CHAIN


def test_a_file_of_weights_reruns_what_builds_the_backbone(workless):
    (workless.folder / "data/weights/own.weights.h5").write_bytes(b"weights")
    assert workless.repro() == CHAIN[CHAIN.index("extract") :]
