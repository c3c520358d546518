"""studies/params.yaml and its schema; what the loader says of bad values is tested with it."""

import json
import re
import shutil
from itertools import pairwise

import pytest

from studies.params import BackboneVariant, Params, with_changes
from tests.code import ROOT
from tools.experiment import set_params
from vision.networks.backbones import image_sizes
from vision.params import BackboneSettings, load_params
from vision.runtime.errors import UserError

COMMITTED = ROOT / "studies/params.yaml"
LINES = COMMITTED.read_text(encoding="utf-8").splitlines()


def test_every_key_has_a_comment_above_it():
    for above, line in pairwise(LINES):
        assert above.strip().startswith("# ") or not re.match(r" *[^# ].*: .", line), line


HEAD, BACKBONE = "nested.settings.mine", "backbones.settings.mine"


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("cross_validate.folds", 1, " = 1 is refused: .*greater than or equal to 2"),
        ("l2", [], " = .* is refused: .*at least 1 item"),
        ("cross_validate.groups", "files", " = .* is refused: .*'none' or 'near_duplicates'"),
        ("learning_curve.sizes", [50, 50], " = .* is refused: .*each should be there once"),
        (HEAD, {"l2": -1}, r"\.l2 = -1 is refused: .*equal to 0"),
        (HEAD, {"mirror": None}, r"\.mirror = None is refused"),
        (HEAD, {"mirrored": 1}, r"\.mirrored = 1 is unknown; .*mirror, "),
        (BACKBONE, {"name": "lite9"}, r"\.name = 'lite9' is refused"),
        (BACKBONE, {"size": 8}, r"\.size = 8 is unknown; .* name, "),
        (BACKBONE, 3, " = 3 is refused: .*keys with values"),
    ],
)
def test_what_is_wrong_with_a_value_is_named_by_its_name(tmp_path, key, value, complaint):
    path = tmp_path / "params.yaml"
    set_params(shutil.copy(COMMITTED, path), {key: value})
    with pytest.raises(UserError, match=rf": {key}{complaint}"):
        load_params(path, Params)


def test_a_variant_sets_null_where_that_means_something():
    own = BackboneSettings(
        name="vgg16", weights="imagenet", preprocessing="published", pooling="avg", image_size=150
    )
    assert with_changes(own, BackboneVariant()) == own
    assert with_changes(own, BackboneVariant(image_size=None)).image_size is None


def test_every_backbone_goes_with_the_pipeline_s_settings_and_none_is_another_again():
    own = load_params(ROOT / "params.yaml").backbone
    variants = load_params(COMMITTED, Params).backbones.settings
    changed = {name: with_changes(own, variant) for name, variant in variants.items()}
    for settings in changed.values():
        image_sizes(settings.name, settings.image_size)
    assert len({json.dumps(each.model_dump()) for each in changed.values()}) == len(changed)
