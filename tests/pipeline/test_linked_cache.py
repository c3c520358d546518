"""Outputs that are links into DVC's cache, as its cache.type makes them."""

import hashlib

from tests.pipeline.conftest import STAGES


def test_stages_that_run_by_hand_leave_the_cache_as_it_is(two_classes, tmp_path):
    """They replace the links; what they wrote through one would change it for all revisions."""
    project = two_classes.copy_to(tmp_path / "project")
    project.dvc("config", "--local", "cache.type", "symlink")
    project.dvc("checkout", "--quiet", "--relink")
    linked = links(project)
    assert len(linked) > 50
    # Other bytes than those that are there: of the head on, in nearly every file.
    project.set(seed=1)
    for stage in STAGES:
        project.run("python", "-m", f"stages.{stage}")
    assert links(project) == []
    for path in (project.folder / ".dvc/cache/files/md5").rglob("*"):
        if path.is_file():
            name = path.parent.name + path.name.removesuffix(".dir")
            assert hashlib.md5(path.read_bytes()).hexdigest() == name


def links(project):
    return [
        path
        for folder in ("data", "models", "plots", "metrics")
        for path in (project.folder / folder).rglob("*")
        if path.is_symlink()
    ]
