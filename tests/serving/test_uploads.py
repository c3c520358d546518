"""Uploaded files go when nobody waits for them, and not before."""

import asyncio
import json
import os

import pytest

from serving.uploads import Counting, Uploads


@pytest.fixture
def uploads(tmp_path):
    return Uploads(tmp_path)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "digest/cat.jpg"
    path.parent.mkdir()
    path.touch()
    return path


def upload(uploads, *files):
    uploads.begin()
    uploads.arrived(map(str, files))


def test_a_file_that_two_people_dropped_stays_until_both_are_answered(uploads, file):
    """Of whom one dropped it twice."""
    upload(uploads, file)
    upload(uploads, file, file)
    uploads.answered([str(file)] * 2)
    assert file.exists()
    uploads.answered([str(file)])
    assert not file.exists()


def test_nothing_is_removed_while_the_same_may_arrive(uploads, file):
    upload(uploads, file)
    uploads.begin()  # writes it once more, and is not counted yet
    uploads.answered([str(file)])
    assert file.exists()
    uploads.arrived([str(file)])
    assert file.exists()
    uploads.answered([str(file)])
    assert not file.exists()


def test_what_was_broken_off_is_swept_away_and_forgotten(uploads, file, tmp_path):
    upload(uploads, file)  # by one who went away
    new = tmp_path / "new"
    new.touch()
    os.utime(file, (0, 0))
    uploads.sweep(age=600)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [new]
    file.touch()
    upload(uploads, file)
    uploads.answered([str(file)])
    assert not file.exists()


def ask(uploads, path, body, fails=False):
    """Send a request through the middleware, which is answered with a body in two parts."""
    sent = []

    async def app(scope, receive, send):
        if fails:
            raise ConnectionError
        await send({"type": "http.response.start", "status": 200})
        for part in (body[:5], body[5:]):
            await send({"type": "http.response.body", "body": part})

    async def send(message):
        sent.append(message)

    asyncio.run(Counting(app, uploads)({"type": "http", "path": path}, None, send))
    return b"".join(message.get("body", b"") for message in sent)


def test_the_answer_to_an_upload_tells_who_waits_for_what(uploads, file):
    body = json.dumps([str(file)]).encode()
    for _ in range(2):
        assert ask(uploads, "/gradio_api/upload", body) == body
    ask(uploads, "/gradio_api/info", body)
    uploads.answered([str(file)])
    assert file.exists()
    uploads.answered([str(file)])
    assert not file.exists()


def test_a_refused_or_broken_upload_is_over(uploads, file):
    upload(uploads, file)
    for body in (b"too large", b'{"detail": "no"}'):
        ask(uploads, "/gradio_api/upload", body)
    with pytest.raises(ConnectionError):
        ask(uploads, "/gradio_api/upload", b"", fails=True)
    uploads.answered([str(file)])
    assert not file.exists()
