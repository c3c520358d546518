"""docs/tutorial.md, followed command by command, and what uses the model that it makes.

The pictures are drawn, the network is small, and the rest is as the page says.
"""

import base64
import io
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import psutil
import pytest
import requests
from PIL import Image

from serving.page import MOST_BYTES
from tests.browser import CHROMIUM, chromium
from tests.code import ROOT
from tests.tableware import draw
from tests.test_docs import FENCE
from vision import pictures

pytestmark = pytest.mark.long

PAGE = ROOT / "docs/tutorial.md"
CLASSES = ("bowl", "glass", "mug")
# Of each class, as on the page.
COUNT = 60


def photograph(home: Path) -> None:
    """Write what a telephone would: HEIC and JPEG, on their side; a video and a broken file."""
    rng = np.random.default_rng(0)
    number = 0
    for label in CLASSES:
        folder = home / "Pictures/tableware" / label
        folder.mkdir(parents=True)
        for _ in range(COUNT):
            number += 1
            exif = Image.Exif()
            exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
            picture = draw(label, rng).transpose(Image.Transpose.ROTATE_90)
            kind, suffix = ("HEIF", "HEIC") if number % 20 == 0 else ("JPEG", "jpg")
            path = folder / f"IMG_{number:04}.{suffix}"
            picture.save(path, kind, exif=exif.tobytes(), quality=90)
    (folder / "IMG_0179.jpg").write_bytes(b"")
    (folder / "IMG_0200.MOV").write_bytes(b"\0\0\0\x14ftypqt  ")
    new = home / "Pictures/new"
    new.mkdir()
    for label in CLASSES:
        draw(label, rng).save(new / f"{label}.jpg")


@pytest.fixture(scope="module")
def followed(new_project):
    """The project after all commands, and what each of them said."""
    project = new_project()
    folder = project.folder
    shutil.copytree(ROOT / "studies", folder / "studies")
    home = folder.parent / "home"
    photograph(home)
    project.run("git", "checkout", "--quiet", "-b", "main")
    project.commit("Begin")
    project.said = {}
    for language, block in FENCE.findall(PAGE.read_text()):
        if language == "csv":
            with (folder / "data/corrections.csv").open("a") as file:
                file.write(block)
        for command in block.splitlines() if language == "sh" else []:
            project.said[command] = project.type(command, HOME=str(home))
    return project


def said(project, beginning):
    (text,) = (text for command, text in project.said.items() if command.startswith(beginning))
    return text


def test_all_pictures_of_a_telephone_are_used_upright(followed):
    counts = json.loads((followed.folder / "metrics/subset.json").read_text())
    sizes = [sum(counts[split].values()) for split in pictures.SPLITS]
    # A mug is broken and one bowl dropped; that of which more would be too many goes to no split.
    assert sizes == [pytest.approx(3 * COUNT * share, abs=3) for share in (0.6, 0.2, 0.2)]
    subset = followed.folder / "data/subset"
    assert list(subset.rglob("*.HEIC.jpg"))
    for path in subset.rglob("*.jpg"):
        with Image.open(path) as picture:
            assert picture.size == (96, 72)


def test_what_cannot_be_read_is_named(followed):
    assert "mug/IMG_0179.jpg,empty file" in (followed.folder / "data/left_out.csv").read_text()


def test_corrections_are_applied(followed):
    picked = pd.read_csv(followed.folder / "data/picked.csv").set_index("file")["label"]
    assert picked["mug/IMG_0125.jpg"] == "glass"
    assert "bowl/IMG_0007.jpg" not in picked


def test_it_is_told_how_good_the_model_is(followed):
    output = said(followed, "few train ~")
    for figure in ("test accuracy", "called unsure", "accuracy where sure"):
        assert figure in output
        assert f"**{figure}**" in PAGE.read_text()
    assert "accuracy_sd" in said(followed, "dvc metrics show")


def test_the_second_training_runs_what_the_corrections_changed(followed):
    (output,) = (text for command, text in followed.said.items() if command == "few train")
    assert "Running stage 'subset'" in output
    assert "Running stage 'download'" not in output


def test_everything_is_committed(followed):
    left = followed.run("git", "status", "--porcelain").stdout.splitlines()
    assert left == ["?? tableware.zip", "?? tableware/"]


def test_the_bundle_says_the_same_with_the_project_and_without(followed):
    with_project = [line.split() for line in said(followed, "few predict").splitlines()[1:]]
    alone = said(followed, "python tableware/predict.py").splitlines()
    assert len(with_project) == len(alone) == 3
    for words, line in zip(with_project, alone, strict=True):
        file, _, answer = line.rpartition(": ")
        label, probability, *_ = answer.split(", ")
        assert [file, label] == [words[-1], words[0]]
        # Both are rounded to three digits.
        assert float(probability) == pytest.approx(float(words[1]), abs=0.0011)


def test_the_model_is_used_as_the_how_to_page_says(followed, tmp_path):
    project = followed.copy_to(tmp_path / "used")
    (project.folder / "holidays").mkdir()
    for name in ("cat.jpg", "-1.jpg", "holidays/beach.jpg"):
        (project.folder / name).write_bytes(encoded("mug"))
    shutil.copy(project.folder / "tableware.zip", project.folder / "bundle.zip")
    project.run("git", "branch", "--force", "main")
    page = (ROOT / "docs/how-to/use-the-model.md").read_text()
    for language, block in FENCE.findall(page):
        if language == "python":
            (project.folder / "own.py").write_text(block)
            project.type("python own.py")
        for command in block.splitlines() if language == "sh" else []:
            # Below, a server is looked at; it would not end.
            if not command.startswith("few serve"):
                project.type(command)
            if command.startswith("dvc exp run"):
                project.commit("Have fewer sure predictions")
    for written in ("found.csv", "heat/holidays/beach.jpg.png", "report.html", "bundle.zip"):
        assert (project.folder / written).is_file()


def test_two_runs_are_compared(followed):
    """Of which there is one: HEAD has what the workspace has."""
    output = followed.type("few compare HEAD workspace")
    assert output.startswith("A = HEAD, B = workspace\n")
    assert "+0.00" in output


# --- the page onto which one drops pictures ---

SERVER = ROOT / ".venv-serve/bin/python"
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and SERVER.exists()),
    reason="needs Chromium, and Gradio, which `make .venv-serve/.installed` installs",
)
# As a person would drop files onto an element: the browser gets an event with their contents.
DROP = """
([files, to]) => {
    const transfer = new DataTransfer();
    for (const [name, content] of files) {
        const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
    }
    to.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true}));
}
"""
# Under load, an answer can take long; one that never comes is what the tests look for.
PATIENCE = 300_000


class Serving:
    """The page, with what is uploaded to it in a folder of its own."""

    def __init__(self, project, uploads):
        self.uploads = uploads
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.port = unused.getsockname()[1]
        options = ["--bundle", "tableware.zip", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [SERVER, "-m", "few", "serve", *options],
            cwd=project.folder,
            env=os.environ | {"TMPDIR": str(uploads)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().split()[0]

    def kept(self):
        """Give what was uploaded and is still there; names of files without content don't count."""
        return [path for path in self.uploads.rglob("*") if path.is_file() and path.stat().st_size]


@pytest.fixture(scope="module")
def serving(followed, tmp_path_factory):
    served = Serving(followed, tmp_path_factory.mktemp("uploads"))
    yield served
    if served.process.poll() is None:
        served.process.terminate()
        served.process.communicate()


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def open_page(browser, serving):
    """Open the page; notes errors that the browser tells, and addresses that it asks for."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)

    def open_():
        page = context.new_page()
        page.errors, page.asked = [], []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda line: line.type == "error" and page.errors.append(line.text))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(serving.url)
        page.wait_for_selector("input[type=file]", state="attached")
        return page

    yield open_
    context.close()


def drop(page, files):
    """Drop files, by their names and contents, and wait for nothing."""
    encoded = [[name, base64.b64encode(content).decode()] for name, content in files.items()]
    target = page.wait_for_selector("button:has(input[type=file])")
    page.evaluate(DROP, [encoded, target])


def encoded(label, seed=0):
    buffer = io.BytesIO()
    draw(label, np.random.default_rng(seed)).save(buffer, "JPEG")
    return buffer.getvalue()


@needs_browser
def test_dropped_pictures_get_class_probability_and_heat_and_none_is_kept(serving, open_page):
    page = open_page()
    drop(page, {"a.jpg": encoded("mug"), "broken.jpg": b"no picture", "empty.png": b""})
    page.wait_for_selector(".answers")
    headings = page.locator(".answers h3").all_inner_texts()
    assert re.fullmatch(r"(bowl|glass|mug), \d+\.\d%( - unsure)?", headings[0])
    assert all(heading.startswith("Not read: ") for heading in headings[1:])
    assert len(headings) == 3
    widths = page.locator(".answers img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert widths == [96, 96]
    assert serving.kept() == []
    # It works without a network, and without a word to anyone.
    hosts = {urlsplit(url).netloc for url in page.asked if not url.startswith("data:")}
    assert hosts == {urlsplit(serving.url).netloc}
    assert page.errors == []


@needs_browser
def test_many_people_at_once_each_get_their_own_answer(serving, open_page):
    pages = [open_page() for _ in range(6)]
    for number, page in enumerate(pages):
        drop(page, {f"{number}-{name}.jpg": encoded("bowl", number) for name in "ab"})
    for number, page in enumerate(pages):
        page.wait_for_selector(".answers")
        shown = page.locator(".answers figure:first-child figcaption").all_inner_texts()
        assert shown == [f"{number}-a.jpg", f"{number}-b.jpg"]
        assert page.errors == []
    assert serving.kept() == []


@needs_browser
def test_many_people_may_drop_the_same_file_at_once(serving, open_page):
    pages = [open_page() for _ in range(6)]
    for page in pages:
        drop(page, {"same.jpg": encoded("glass", 7)})
    for page in pages:
        page.wait_for_selector(".answers")
        (heading,) = page.locator(".answers h3").all_inner_texts()
        assert not heading.startswith("Not read")
        assert page.errors == []
    assert serving.kept() == []


@needs_browser
def test_a_file_too_large_is_refused_and_not_kept(serving):
    content = io.BytesIO(bytes(MOST_BYTES + 1))
    refused = requests.post(f"{serving.url}/gradio_api/upload", files={"files": content})
    assert refused.status_code == 413
    assert serving.kept() == []


@needs_browser
def test_it_is_open_to_this_machine_alone_and_leaves_nothing_behind(serving):
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(serving.process.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]
    serving.process.terminate()
    assert serving.process.communicate(timeout=60)[0] == ""
    assert list(serving.uploads.iterdir()) == []
