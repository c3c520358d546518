"""The digest of everything that a result depends on."""

import sys

from studies import random_subsets
from vision.features import extraction, store  # noqa: F401  of another room
from vision.runtime import fingerprint as fingerprint_module
from vision.runtime.fingerprint import fingerprint


def test_the_fingerprint_tells_settings_files_and_their_names_apart(tmp_path):
    folder = tmp_path / "subset"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a picture")
    model = tmp_path / "model"
    model.write_bytes(b"a model")

    def digest(*settings):
        return fingerprint(settings, [folder, model])

    digests = [digest(1, 1e-4), digest(2, 1e-4)]
    (folder / "a.jpg").write_bytes(b"b picture")
    digests.append(digest(1, 1e-4))
    (folder / "a.jpg").rename(folder / "b.jpg")
    digests.append(digest(1, 1e-4))
    model.write_bytes(b"b model")
    digests.append(digest(1, 1e-4))
    assert len(set(digests)) == 5
    assert digest(1, 1e-4) == digests[-1]


def test_the_fingerprint_tells_the_code_and_the_environment_apart(monkeypatch):
    one, other = "vision.features.extraction", "vision.features.store"
    whole, of_two = fingerprint([], []), fingerprint([], [], [one, other])
    assert len({whole, of_two, fingerprint([], [], [one])}) == 3
    assert fingerprint([], [], [other, one]) == of_two
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert fingerprint([], []) != whole


def test_the_code_is_that_of_all_rooms_that_are_loaded_and_the_program_with_its_package(
    monkeypatch,
):
    monkeypatch.setitem(sys.modules, "__main__", random_subsets)
    loaded = set(fingerprint_module._loaded())
    assert {"studies.random_subsets", "vision.features.extraction", "__main__"} <= loaded
    assert {name.partition(".")[0] for name in loaded} == {"vision", "studies", "__main__"}
    monkeypatch.setattr(random_subsets, "__spec__", None)  # as of a program of no package
    loaded = fingerprint_module._loaded()
    assert {name.partition(".")[0] for name in loaded} == {"vision", "__main__"}
