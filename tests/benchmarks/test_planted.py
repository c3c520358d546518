import numpy as np
from PIL import Image

from benchmarks import planted


def test_copies_differ_a_little_and_are_the_same_in_every_run(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = (planted.plant(tmp_path / name, 2, 10) for name in ("one", "other"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    small = [np.asarray(Image.open(path).convert("L").resize((16, 16)), float) for path in one]
    far = [np.abs(small[0] - each).mean() for each in small[1:]]
    assert 0 < far[0] < min(far[1:])


def test_what_is_listed_first_is_counted():
    distances = np.array([9.0, 0.0, *np.linspace(1, 2, 38)])
    assert planted.listed(distances, 2) == 0.5
