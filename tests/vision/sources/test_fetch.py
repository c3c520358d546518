import hashlib
import io
import os
import socket
import time

import pytest

from tests.files import files_below
from tests.web import content
from vision.sources import fetch as module
from vision.sources.fetch import FetchError, fetch

DATA = os.urandom(3_000_000)
SENT = 1 << 20
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.001)
    monkeypatch.setattr(module, "TIMEOUT", (0.5, 0.5))


@pytest.fixture
def get(server, tmp_path):
    def get(*answers):
        server.answers[:] = answers
        return fetch(f"{server.url}/a.zip?x=1", SHA256, len(DATA), tmp_path / "cache")

    return get


def ranges(server):
    return [asked for _, asked in server.requests]


def test_what_was_fetched_once_is_not_fetched_again_unless_it_is_damaged(server, get, tmp_path):
    path = get(content(DATA))
    assert path.read_bytes() == DATA
    assert get(content(b"", 500)) == path
    assert len(server.requests) == 1
    path.write_bytes(DATA[:-1] + b"?")
    assert get(content(DATA)).read_bytes() == DATA
    assert len(server.requests) == 2
    assert files_below(tmp_path) == {"cache/a.zip": DATA}


@pytest.mark.parametrize("ranges_known", [True, False])
def test_a_line_that_drops_is_taken_up_where_it_broke_off_or_anew(server, get, ranges_known):
    path = get(content(DATA, sent=SENT), content(DATA, ranges=ranges_known))
    assert path.read_bytes() == DATA
    assert ranges(server) == [None, f"bytes={SENT}-"]


def test_a_line_that_drops_often_does_no_harm_while_something_comes(server, get):
    assert get(content(DATA, sent=5 << 16)).read_bytes() == DATA
    assert len(server.requests) == 10 > module.TRIES


def test_a_later_run_goes_on_where_this_one_gave_up(server, get, tmp_path):
    drop, refuse = content(DATA, sent=SENT), content(b"", 503)
    with pytest.raises(FetchError, match=r"503.*1,048,576 bytes are kept.*again goes on"):
        get(drop, refuse)
    assert len(server.requests) == 1 + module.TRIES - 1
    assert get(content(DATA)).read_bytes() == DATA
    assert ranges(server)[-1] == f"bytes={SENT}-"


def test_a_server_that_always_drops_and_knows_no_ranges_is_given_up(server, get):
    with pytest.raises(FetchError, match="broke off"):
        get(content(DATA, sent=SENT, ranges=False))
    assert len(server.requests) == module.TRIES


@pytest.mark.parametrize("sent", [None, 100])
def test_a_server_that_hangs_is_given_up(server, get, sent):
    def hang(handler):
        if sent:
            content(DATA, sent=sent)(handler)
        time.sleep(3)

    started = time.monotonic()
    with pytest.raises(FetchError, match="timed out"):
        get(hang)
    # Half a second for each try, and as much again for a busy machine; not for ever.
    assert time.monotonic() - started < module.TRIES


def test_a_server_that_only_drips_is_given_up(server, get, monkeypatch):
    """It is never silent for long, so that no timeout ends it."""
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.1)

    def drip(handler):
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 0-{len(DATA) - 1}/{len(DATA)}")
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.02)

    monkeypatch.setattr(module, "TRIES", 1)
    with pytest.raises(FetchError, match=r"broke off: \d+ bytes in 0 seconds"):
        get(drip)


def test_a_slow_line_that_brings_enough_is_not_given_up(server, get, monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.3)

    def slow(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        for start in range(0, len(DATA), 400_000):
            handler.wfile.write(DATA[start : start + 400_000])
            handler.wfile.flush()
            time.sleep(0.05)

    assert get(slow).read_bytes() == DATA
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [403, 404, 416])
def test_a_refusal_is_told_at_once(server, get, status):
    with pytest.raises(FetchError, match=f"{server.host} answered {status} .*/a.zip"):
        get(content(b"no", status))
    assert len(server.requests) == 1


def test_a_web_page_is_told_and_costs_nothing_of_the_part(server, get, tmp_path):
    page = content(b"<html>log in", headers={"Content-Type": "text/html"}, ranges=False)
    with pytest.raises(FetchError, match="web page"):
        get(content(DATA, sent=SENT), page)
    assert files_below(tmp_path) == {"cache/a.zip.part": DATA[:SENT]}


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_that_is_busy_is_asked_again(server, get, status):
    assert get(content(b"", status), content(DATA)).read_bytes() == DATA


def test_pauses_double_until_a_try_brings_something(server, get, monkeypatch):
    pauses = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    trouble, first = content(b"", 503), module.PAUSE
    with pytest.raises(FetchError, match=f"{server.host} answered 503"):
        get(trouble)
    assert pauses == [first, 2 * first, 4 * first]
    pauses.clear()
    get(trouble, trouble, content(DATA, sent=SENT), trouble, content(DATA))
    assert pauses == [first, 2 * first, first, 2 * first]


@pytest.mark.parametrize(
    ("part", "asked"),
    [
        (DATA, []),  # of the whole
        (b"?" * SENT, [f"bytes={SENT}-", None]),  # of another file
        (DATA + b"?", [f"bytes={len(DATA) + 1}-", None]),  # beyond whose end the server has nothing
    ],
    ids=["whole", "other", "longer"],
)
def test_a_part_that_does_not_fit_is_fetched_anew(server, get, tmp_path, part, asked):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/a.zip.part").write_bytes(part)
    assert get(content(DATA)).read_bytes() == DATA
    assert not asked or ranges(server) == asked


def test_a_server_that_answers_416_to_any_range_is_told(server, get, tmp_path):
    with pytest.raises(FetchError, match="not the expected file"):
        get(content(DATA, sent=SENT), content(b"", 416))
    assert files_below(tmp_path) == {}


def test_a_stream_without_end_is_not_written_without_end(server, get, tmp_path):
    """No length announced; more would come for as long as it is read."""
    sent = []

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        while len(sent) < 1000:
            handler.wfile.write(DATA)
            sent.append(len(DATA))

    with pytest.raises(FetchError, match=f"goes on beyond {len(DATA):,} bytes"):
        get(endless)
    assert files_below(tmp_path) == {}
    assert len(sent) < 1000


def test_the_progress_of_all_is_shown_on_a_terminal_and_not_in_a_log(
    server, get, monkeypatch, capfd
):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", terminal)
        path = get(content(DATA, sent=SENT), content(DATA))
    shown = terminal.getvalue()
    assert "a.zip:   0%|" in shown
    # Taken up again, it goes on from what there is.
    assert shown.rpartition("a.zip:  35%|")[1]
    assert f"{len(DATA) / 1e6:.2f}M/{len(DATA) / 1e6:.2f}M" in shown
    path.unlink()
    get(content(DATA))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "answer", [content(DATA[:-1] + b"?"), content(DATA, announced=1000), content(b"<html>")]
)
def test_something_else_is_not_kept(server, get, tmp_path, answer):
    with pytest.raises(FetchError, match=f"not the expected file.*{SHA256}"):
        get(answer)
    assert files_below(tmp_path) == {}


def test_a_length_announced_beyond_the_file_does_no_harm_where_ranges_are_known(server, get):
    """All of it came, as the checksum proves, though the server promised more."""
    more = len(DATA) + 1000
    with pytest.raises(FetchError, match=r"broke off: IncompleteRead\([^()]*more expected\)"):
        get(content(DATA, announced=more, ranges=False))
    assert len(server.requests) == module.TRIES
    assert get(content(DATA, announced=more)).read_bytes() == DATA


def test_a_host_that_cannot_be_reached_is_named(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(FetchError, match=f"{host} could not be reached.*refused"):
            fetch(f"http://{host}/a.zip", SHA256, 1, tmp_path)
    with pytest.raises(FetchError, match=r"host\.invalid could not be reached"):
        fetch("http://host.invalid/a.zip", SHA256, 1, tmp_path)
