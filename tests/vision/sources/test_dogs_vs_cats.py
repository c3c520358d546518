import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.files import files_below, write_zip, zipped
from tests.web import content
from vision.runtime.errors import UserError
from vision.sources import dogs_vs_cats, fetch
from vision.sources.dogs_vs_cats import from_kaggle, from_microsoft
from vision.sources.entries import Bounds
from vision.sources.fetch import FetchError

BOUNDS = Bounds(1000, 1)

ROOT = Path(__file__).parents[3]
KAGGLE = zipped(
    {
        "sampleSubmission.csv": b"id,label",
        "test1.zip": zipped({"test1/1.jpg": b"?"}),
        "train.zip": zipped({"train/cat.0.jpg": b"c", "train/dog.0.jpg": b"d"}),
    }
)
PICTURES = {"cat/cat.0.jpg": b"c", "dog/dog.0.jpg": b"d"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(dogs_vs_cats, "cache", lambda: folder)
    monkeypatch.setattr(fetch, "PAUSE", 0.001)
    return folder


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def test_microsofts_archive_becomes_cat_and_dog(server, into, monkeypatch):
    data = zipped(
        {
            "PetImages/Cat/0.jpg": b"c",
            "PetImages/Cat/666.jpg": b"",
            "PetImages/Cat/Thumbs.db": b"t",
            "PetImages/Dog/0.jpg": b"d",
            "MSR-LA - 3467.docx": b"licence",
        }
    )
    server.answers = [content(data)]
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT", f"{server.url}/kagglecatsanddogs_5340.zip")
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT_SHA256", hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT_BYTES", len(data))
    from_microsoft(into, BOUNDS)
    # An empty picture stays: what cannot be decoded is counted further down the pipeline.
    assert files_below(into) == {"cat/0.jpg": b"c", "cat/666.jpg": b"", "dog/0.jpg": b"d"}


def test_what_fails_its_checksum_is_not_unpacked(server, into, cache, monkeypatch):
    data = zipped(PICTURES)
    server.answers = [content(data)]
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT", f"{server.url}/a.zip")
    monkeypatch.setattr(dogs_vs_cats, "MICROSOFT_BYTES", len(data))
    monkeypatch.setattr(dogs_vs_cats, "unpack", None)  # so that calling it fails
    with pytest.raises(FetchError, match="not the expected file"):
        from_microsoft(into, BOUNDS)
    assert files_below(into) == files_below(cache) == {}


@pytest.fixture
def kaggle_answers(server, tmp_path, monkeypatch):
    """Let Kaggle's own client talk to the server on this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, server.url)

    def answers(*answers):
        server.answers[:] = answers

    return answers


def moved(server, name="dogs-vs-cats.zip"):
    return content(b"", 302, {"Location": f"{server.url}/{name}"})


def test_kaggles_train_archive_is_fetched_once(server, kaggle_answers, into, cache):
    kaggle_answers(moved(server), content(KAGGLE))
    from_kaggle(into, BOUNDS)
    assert files_below(into) == PICTURES
    asked = len(server.requests)
    assert server.requests[0][0].endswith("DownloadDataFiles")
    for label in ("cat", "dog"):
        for path in (into / label).iterdir():
            path.unlink()
        (into / label).rmdir()
    from_kaggle(into, BOUNDS)
    assert files_below(into) == PICTURES
    assert len(server.requests) == asked
    assert files_below(cache) == {"dogs-vs-cats.zip": KAGGLE}


@pytest.mark.parametrize(
    ("status", "said"), [(401, "token"), (403, "accept the rules"), (404, "404"), (500, "500")]
)
def test_kaggles_refusals_say_what_to_do(server, kaggle_answers, into, cache, status, said):
    kaggle_answers(content(b"{}", status))
    with pytest.raises(FetchError, match=said):
        from_kaggle(into, BOUNDS)
    assert "dogs-vs-cats.zip" not in files_below(cache)


def test_kaggle_out_of_reach_is_named(server, kaggle_answers, into):
    server.close()
    with pytest.raises(FetchError, match=f"{server.host} could not be reached"):
        from_kaggle(into, BOUNDS)


def test_a_kaggle_that_says_nothing_is_given_up(kaggle_answers, into, monkeypatch):
    monkeypatch.setattr(dogs_vs_cats, "TIMEOUT", (0.5, 0.5))
    kaggle_answers(lambda handler: time.sleep(2))
    with pytest.raises(FetchError, match="could not be reached or broke off"):
        from_kaggle(into, BOUNDS)


def test_a_web_page_from_kaggle_is_told_and_not_kept(server, kaggle_answers, into, cache):
    page = content(b"<html>log in", headers={"Content-Type": "text/html"})
    kaggle_answers(moved(server), page)
    with pytest.raises(UserError, match=r"dogs-vs-cats\.zip is damaged .*deleted, so run again"):
        from_kaggle(into, BOUNDS)
    assert files_below(cache) == {}


def test_a_damaged_kaggle_archive_is_deleted(into, cache):
    cache.mkdir()
    path = write_zip(cache / "dogs-vs-cats.zip", {"train.zip": KAGGLE})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match="deleted, so run again"):
        from_kaggle(into, BOUNDS)
    assert not path.exists()


def test_without_credentials_one_line_says_where_to_get_them(tmp_path):
    # In a process of its own, since Kaggle's client looks for them when it is first imported.
    env = {key: value for key, value in os.environ.items() if not key.startswith("KAGGLE_")}
    env |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    env |= {"USERPROFILE": str(tmp_path)}
    program = (
        "from pathlib import Path; from vision.runtime.program import run\n"
        "from vision.sources.dogs_vs_cats import from_kaggle\n"
        "from vision.sources.entries import Bounds\n"
        "run(lambda: from_kaggle(Path('into'), Bounds(1000, 1)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: Kaggle's client found no valid credentials")
    assert done.stderr.count("\n") == 1
