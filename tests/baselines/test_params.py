"""baselines/params.yaml and its schema; what the loader says of bad values is tested with it."""

import json
import re
from itertools import pairwise

import pytest
from ruamel.yaml import YAML

from baselines.params import Augmented, Params
from tests.code import ROOT
from vision.params import load_params
from vision.runtime.errors import UserError

COMMITTED = ROOT / "baselines/params.yaml"
MEASURED = ROOT / "metrics/baselines"
LINES = COMMITTED.read_text(encoding="utf-8").splitlines()


def refusal(tmp_path, change):
    yaml = YAML()
    content = yaml.load(COMMITTED)
    change(content)
    path = tmp_path / "params.yaml"
    yaml.dump(content, path)
    with pytest.raises(UserError) as refused:
        load_params(path, Params)
    return str(refused.value).partition(": ")[2]


def test_the_committed_file_is_accepted():
    params = load_params(COMMITTED, Params)
    assert params.network("book-2nd-edition") is params.book_2nd_edition
    assert params.book_2nd_edition.image_size == 180
    assert isinstance(params.blog_2016.augmented, Augmented)
    assert not isinstance(params.blog_2016.plain, Augmented)


def test_every_key_has_a_comment_above_it():
    for above, line in pairwise(LINES):
        assert above.strip().startswith("# ") or not re.match(r" *\w.*:", line), line


def test_an_image_size_that_a_network_cannot_take_is_refused(tmp_path):
    said = refusal(tmp_path, lambda content: content["blog-2016"].update(image_size=79))
    assert said == (
        "blog-2016.image_size = 79 is refused: input should be greater than or equal to 80"
    )


def test_a_key_deep_down_is_named_with_all_its_sections(tmp_path):
    def change(content):
        content["book-1st-edition"]["augmented"]["augmentation"]["rotation"] = 200
        content["book-2nd-edition"]["plain"]["schedule"] = "linear"
        del content["blog-2016"]["plain"]["epochs"]

    said = refusal(tmp_path, change)
    assert "book-1st-edition.augmented.augmentation.rotation = 200 is refused" in said
    assert "book-2nd-edition.plain.schedule = 'linear' is refused" in said
    assert "'constant' or 'cosine'" in said
    assert "blog-2016.plain.epochs is missing" in said


def test_an_unknown_key_is_answered_with_those_beside_it(tmp_path):
    said = refusal(tmp_path, lambda content: content["blog-2016"]["plain"].update(dropout=0.5))
    assert said == (
        "blog-2016.plain.dropout = 0.5 is unknown; known there are optimizer, learning_rate, "
        "schedule, batch_size, epochs, patience"
    )
    said = refusal(tmp_path, lambda content: content.update(blog_2016=1))
    assert said.endswith("known there are seed, blog-2016, book-1st-edition, book-2nd-edition")


@pytest.mark.parametrize("name", sorted(path.stem for path in MEASURED.glob("*.json")))
def test_the_committed_results_stopped_where_these_parameters_say(name):
    network, _, form = name.rpartition("-")
    chosen = getattr(load_params(COMMITTED, Params).network(network), form)
    found = json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
    assert found["epochs"] == min(chosen.epochs, found["best_epoch"] + chosen.patience)
