"""What the page of `few serve` says, without the server that shows it."""

import base64
import errno
import io
import re
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import GifImagePlugin, Image, ImageOps

from serving import page, serve
from serving.uploads import Uploads
from vision.pictures import FORMAT_NAMES
from vision.runtime.errors import UserError


class Inverted:
    """Draws the negative of a picture in place of its heat."""

    def draw(self, decoded, labels):
        assert set(labels) <= {"red", "grün", "<b>"}
        return [ImageOps.invert(picture) for picture in decoded]


@pytest.fixture
def model(colours):
    """One of whose classes has a name that a careless page would take for markup."""
    description = replace(colours.description, classes=["red", "grün", "<b>"])
    return replace(colours, description=description)


@pytest.fixture
def answer(model):
    return lambda *files: page.answer(model, Inverted(), [*map(Path, files)])


def shown(said):
    """Return the pictures on the page."""
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', said)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in found]


def test_a_picture_gets_its_class_its_probability_and_its_heat(answer, picture):
    said = answer(picture("a.png", (0, 250, 0)))
    assert "<h3>grün, 100.0%</h3>" in said
    original, heat = (np.asarray(image).astype(int) for image in shown(said))
    # JPEG costs a level or so of a single colour.
    assert np.abs(original - (0, 250, 0)).max() <= 3
    assert np.abs(heat - (255, 5, 255)).max() <= 3


def test_the_most_probable_classes_come_first(answer, picture):
    said = answer(picture("a.png", (200, 40, 100)))
    assert re.findall("<dt>(.*?)</dt>", said) == ["red", "&lt;b&gt;", "grün"]
    assert re.findall("<dd>(.*?)</dd>", said) == ["58.8%", "29.4%", "11.8%"]
    assert "<h3>red, 58.8% - unsure</h3>" in said


def test_a_large_picture_is_shown_small_and_names_as_they_are(answer, picture):
    said = answer(picture("<script>&'\".png", (0, 0, 255), (3000, 1500)))
    assert [image.size for image in shown(said)] == [(448, 224)] * 2
    assert "<script>" not in said
    assert "&lt;script&gt;&amp;&#x27;&quot;.png" in said
    assert "<h3>&lt;b&gt;, 100.0%</h3>" in said


def test_a_file_that_is_no_picture_is_told_and_the_rest_goes_on(answer, picture, tmp_path):
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "c.jpg").touch()
    names = ["b.jpg", "c.jpg", "gone.jpg"]
    said = answer(*map(tmp_path.joinpath, names), picture("a.png", (0, 250, 0)))
    assert re.findall("<h3>(.*?)</h3>", said) == [
        f"Not read: not a {FORMAT_NAMES} picture, or broken at its beginning",
        "Not read: empty file",
        "Not read: it waited too long; drop it again",
        "grün, 100.0%",
    ]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RuntimeError("<b>no</b>\nmemory"), "&lt;b&gt;no&lt;/b&gt; memory"),
        (OSError(errno.EIO, "no"), "Input/output error"),
    ],
)
def test_every_file_is_answered_whatever_one_of_them_makes_fail(
    answer, picture, failing_decoder, error, why
):
    green, bad = picture("a.png", (0, 250, 0)), picture("<i>.gif", (0, 0, 250))
    failing_decoder(GifImagePlugin.GifImageFile, error)
    said = answer(green, bad, green)
    green_one = "grün, 100.0%"
    assert re.findall("<h3>(.*?)</h3>", said) == [green_one, f"Not read: {why}", green_one]
    assert said.count("<article") == 3
    assert "<p>&lt;i&gt;.gif</p>" in said


def test_more_than_so_many_are_left_alone(answer, picture):
    said = answer(*[picture("a.png", (0, 250, 0))] * (page.MOST_PICTURES + 3))
    assert said.count("<h3>") == page.MOST_PICTURES
    assert "3 more were left alone" in said


def test_what_was_dropped_goes_where_its_answer_fails(model, picture, monkeypatch, tmp_path):
    uploads = Uploads(tmp_path)
    path = picture("a.png", (0, 250, 0))
    monkeypatch.setattr(Inverted, "draw", None)
    with pytest.raises(TypeError):
        serve._answer(model, Inverted(), uploads, [path])
    assert not Path(path).exists()


def test_without_gradio_it_says_how_to_get_it(model, tmp_path, monkeypatch):
    """And leaves no folder behind."""
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.setenv(name, "")  # to be restored
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(UserError, match="`few serve` installs it"):
            serve.serve(model, "127.0.0.1", 0)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not list(tmp_path.iterdir())
