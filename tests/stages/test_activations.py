"""How much of the disk the activations may take."""

import pytest

from stages import activations
from tests.code import ROOT
from vision.params import load_params
from vision.runtime.errors import UserError

PARAMS = load_params(ROOT / "params.yaml")
FINETUNE = PARAMS.finetune.model_copy(update={"unfreeze_from": "block5a"})


@pytest.fixture
def subset(tmp_path, monkeypatch):
    """Eight training pictures and four to validate."""
    monkeypatch.chdir(tmp_path)
    for folder, count in ((activations.TRAIN, 8), (activations.VALIDATION, 4)):
        (folder / "a").mkdir(parents=True)
        for number in range(count):
            (folder / f"a/{number}.png").touch()


def check(views, max_gb):
    """Each picture's take a tenth of a GB."""
    changed = PARAMS.activations.model_copy(update={"views": views, "max_gb": max_gb})
    activations.check_disk(
        100_000_000, PARAMS.model_copy(update={"activations": changed, "finetune": FINETUNE})
    )


def test_what_they_take_is_told(subset, capsys):
    check(views=2, max_gb=2)
    assert capsys.readouterr().out == "activations: 2 GB for 2 views of the training pictures\n"


def test_more_than_the_bound_is_refused_with_what_would_fit(subset):
    with pytest.raises(UserError) as refused:
        check(views=4, max_gb=2.5)
    assert str(refused.value) == (
        "the activations at block5a would take 3.6 GB, and activations.max_gb = 2.5; raise it, "
        "set finetune.unfreeze_from to a higher block, or activations.views = 4 to 2"
    )


def test_where_no_view_fits_none_are_stored(subset):
    with pytest.raises(UserError, match=r"activations.views = 1 to 0$"):
        check(views=1, max_gb=0.3)
