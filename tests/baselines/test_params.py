"""baselines/params.yaml and its schema; what the loader says of bad values is tested with it."""

import json
import re
from itertools import pairwise

import pytest
from ruamel.yaml import YAML

from baselines.params import Params
from tests.code import ROOT
from vision.params import load_params
from vision.runtime.errors import UserError

COMMITTED = ROOT / "baselines/params.yaml"
MEASURED = ROOT / "metrics/baselines"
LINES = COMMITTED.read_text(encoding="utf-8").splitlines()


def test_every_key_has_a_comment_above_it():
    for above, line in pairwise(LINES):
        assert above.strip().startswith("# ") or not re.match(r" *\w.*:", line), line


def test_what_is_wrong_is_named_with_all_its_sections(tmp_path):
    yaml = YAML()
    content = yaml.load(COMMITTED)
    content["blog-2016"]["image_size"] = 79
    content["blog-2016"]["plain"]["dropout"] = 0.5
    del content["blog-2016"]["plain"]["epochs"]
    content["book-1st-edition"]["augmented"]["augmentation"]["rotation"] = 200
    content["blog_2016"] = 1
    yaml.dump(content, tmp_path / "params.yaml")
    with pytest.raises(UserError) as refused:
        load_params(tmp_path / "params.yaml", Params)
    for told in (
        "blog-2016.image_size = 79 is refused: input should be greater than or equal to 80",
        "blog-2016.plain.dropout = 0.5 is unknown; known there are optimizer, learning_rate, ",
        "blog-2016.plain.epochs is missing",
        "book-1st-edition.augmented.augmentation.rotation = 200 is refused",
        "known there are seed, blog-2016, book-1st-edition, book-2nd-edition",
    ):
        assert told in "\n".join(refused.value.args)


@pytest.mark.parametrize("name", sorted(path.stem for path in MEASURED.glob("*.json")))
def test_the_committed_results_stopped_where_these_parameters_say(name):
    network, _, form = name.rpartition("-")
    chosen = getattr(load_params(COMMITTED, Params).network(network), form)
    found = json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
    assert found["epochs"] == min(chosen.epochs, found["best_epoch"] + chosen.patience)
