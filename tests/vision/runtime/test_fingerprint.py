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


def test_the_fingerprint_tells_the_code_apart_that_makes_the_result():
    one, other = "vision.features.extraction", "vision.features.store"
    whole, of_two = fingerprint([], []), fingerprint([], [], [one, other])
    assert len({whole, of_two, fingerprint([], [], [one])}) == 3
    assert fingerprint([], [], [other, one]) == of_two


def test_the_code_is_that_of_all_rooms_that_are_loaded_and_the_program(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", extraction)  # some programs have no file
    loaded = fingerprint_module._loaded()
    assert {"vision.features.extraction", "vision.runtime.fingerprint", "__main__"} <= set(loaded)
    assert not [name for name in loaded if name.partition(".")[0] not in ("vision", "__main__")]


def test_of_a_pipeline_of_its_own_the_code_is_that_of_its_package_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", random_subsets)
    loaded = set(fingerprint_module._loaded())
    assert {"studies", "studies.random_subsets", "vision.runtime.fingerprint"} <= loaded
    assert {name.partition(".")[0] for name in loaded} == {"vision", "studies", "__main__"}


def test_a_program_of_no_package_has_no_other_code(monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert {name.partition(".")[0] for name in fingerprint_module._loaded()} <= {
        *("vision", "__main__")
    }


def test_the_fingerprint_tells_environments_apart(tmp_path, monkeypatch):
    here = fingerprint([], [])
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert fingerprint([], []) != here
