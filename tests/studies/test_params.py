"""studies/params.yaml and its schema; what the loader says of bad values is tested with it."""

import re
import shutil
from itertools import pairwise

import pytest

from studies.params import BackboneVariant, HeadVariant, Params, with_changes
from tests.code import ROOT
from tools.experiment import set_params
from vision.params import BackboneSettings, load_params
from vision.runtime.errors import UserError

COMMITTED = ROOT / "studies/params.yaml"
LINES = COMMITTED.read_text(encoding="utf-8").splitlines()


def load_changed(path, key, value):
    set_params(shutil.copy(COMMITTED, path), {key: value})
    load_params(path, Params)


def test_the_committed_file_is_accepted():
    params = load_params(COMMITTED, Params)
    assert params.learning_curve.sizes == [50, 100, 250, 500, 1000]
    assert params.cross_validate.folds == 5


def test_every_key_has_a_comment_above_it():
    for above, line in pairwise(LINES):
        assert above.strip().startswith("# ") or not re.match(r" *[^# ].*: .", line), line


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("cross_validate.folds", 1, "greater than or equal to 2"),
        ("l2", [], "at least 1 item"),
        ("cross_validate.groups", "files", "'none' or 'near_duplicates'"),
        ("learning_curve.sizes", [50, 50], "each should be there once"),
        ("nested.settings", 3, "a valid dictionary"),
    ],
)
def test_values_out_of_range_are_refused(tmp_path, key, value, why):
    with pytest.raises(UserError, match=rf"{key} = .* is refused: .*{why}"):
        load_changed(tmp_path / "params.yaml", key, value)


@pytest.mark.parametrize(
    ("section", "setting", "complaint"),
    [
        ("nested", {"l2": -1}, r"nested\.settings\.mine\.l2 = -1 is refused: .*equal to 0"),
        ("nested", {"l3": 1}, r"nested\.settings\.mine\.l3 = 1 is unknown; .*hidden_units, .*l2"),
        ("nested", {"mirror": None}, r"nested\.settings\.mine\.mirror = None is refused"),
        ("nested", {"mirrored": 1}, r"nested\.settings\.mine\.mirrored = 1 is unknown; .*mirror, "),
        ("backbones", {"name": "lite9"}, r"backbones\.settings\.mine\.name = 'lite9' is refused"),
        ("backbones", {"image_size": 8}, r"backbones\.settings\.mine\.image_size = 8 is refused"),
        ("backbones", {"size": 8}, r"backbones\.settings\.mine\.size = 8 is unknown; .* name, "),
        ("backbones", 3, r"backbones\.settings\.mine = 3 is refused: .*keys with values"),
    ],
)
def test_what_is_wrong_with_a_setting_is_named_by_its_name(tmp_path, section, setting, complaint):
    with pytest.raises(UserError, match=complaint):
        load_changed(tmp_path / "params.yaml", f"{section}.settings.mine", setting)


def test_a_variant_takes_the_place_of_what_it_sets_alone():
    own = load_params(ROOT / "params.yaml").train_head
    variant = HeadVariant(dropout=0, l2=[1e-4, 1e-3], optimizer="adam", mirror=True)
    changed = with_changes(own, variant)
    assert changed.l2 == [1e-4, 1e-3]
    assert changed == own.model_copy(update={"dropout": 0, "l2": changed.l2, "optimizer": "adam"})


def test_a_variant_sets_null_where_that_means_something():
    own = BackboneSettings(
        name="vgg16", weights="imagenet", preprocessing="published", pooling="avg", image_size=150
    )
    assert with_changes(own, BackboneVariant()) == own
    assert with_changes(own, BackboneVariant(image_size=None)).image_size is None
