"""What git is told of the files."""

import os
import shutil
import subprocess

from tests.code import ROOT

PNG = b"\x89PNG\r\n\x1a\n\n\r"
TEXT = b"two\nlines\n"


def test_a_clone_has_the_same_bytes_though_git_is_to_write_crlf(tmp_path):
    """As Git for Windows is set up; dvc.lock has the digests of the files as they are here."""
    origin = tmp_path / "origin"
    origin.mkdir()
    shutil.copy(ROOT / ".gitattributes", origin)
    (origin / "a.png").write_bytes(PNG)
    for name in ("a.py", "Makefile", "dvc.lock", "a.csv"):
        (origin / name).write_bytes(TEXT)

    def git(*arguments):
        nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        identity = ("-c", "user.name=A", "-c", "user.email=a@b")
        subprocess.run(
            ["git", *identity, *arguments], cwd=origin, env=os.environ | nobody, check=True
        )

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Begin")
    git("clone", "--quiet", "--config", "core.autocrlf=true", ".", "../clone")
    clone = tmp_path / "clone"
    assert (clone / "a.png").read_bytes() == PNG
    for name in ("a.py", "Makefile", "dvc.lock", "a.csv"):
        assert (clone / name).read_bytes() == TEXT
