"""What the stage `evaluate` writes."""

import numpy as np
import pytest
from PIL import Image

from stages import evaluate
from tests.code import ROOT
from vision import pictures
from vision.params import load_params


class Judges:
    """To one, the chance of the second class is a picture's brightness; to the other, half."""

    def probabilities(self, paths, mirror, progress, store_gb):
        self.mirror, self.store_gb = mirror, store_gb
        light = np.array([np.asarray(Image.open(path)).mean() / 255 for path in paths])
        return np.stack([np.column_stack([1 - chance, chance]) for chance in (light, light / 2)])


@pytest.mark.parametrize("mirror", [True, False])
def test_both_models_predictions_stand_beside_each_picture_and_its_label(tmp_path, mirror):
    for label, light in (("dark", 51), ("light", 204)):
        (tmp_path / label).mkdir()
        Image.new("RGB", (8, 8), (light, light, light)).save(tmp_path / label / "a.png")
    params = load_params(ROOT / "params.yaml")
    params = params.model_copy(
        update={"evaluate": params.evaluate.model_copy(update={"mirror": mirror})}
    )
    judges = Judges()
    table, by_model = evaluate.predict(judges, tmp_path, ["dark", "light"], params)
    assert (judges.mirror, judges.store_gb) == (mirror, params.store.max_gb)
    assert [*table] == [
        *("file", "label", "md5"),
        *("head_dark", "head_light", "finetuned_dark", "finetuned_light"),
    ]
    digest = pictures.digest(tmp_path / "light/a.png")
    assert table.iloc[1].tolist()[:3] == ["light/a.png", "light", digest]
    assert table.iloc[1].tolist()[3:] == pytest.approx([0.2, 0.8, 0.6, 0.4])
    np.testing.assert_allclose(by_model["finetuned"], [[0.9, 0.1], [0.6, 0.4]])
