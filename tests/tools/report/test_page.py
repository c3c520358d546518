"""The page in a browser, and what must be true of its text."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from tests.browser import chromium, needs_chromium
from tools.report import page

WIDTHS = {"phone": 400, "desk": 1280}


class Parsed(HTMLParser):
    """Collects a page's elements: their names and attributes."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def of(self, *names):
        return [attributes for name, attributes in self.elements if name in names]


@pytest.fixture(scope="module")
def parsed(whole):
    return Parsed(whole[1])


def test_nothing_comes_from_outside(whole, parsed):
    addresses = [
        value
        for _, attributes in parsed.elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "data", "action")
    ]
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"@import|url\((?!#)", whole[1])
    assert not parsed.of("script", "iframe", "object", "embed")
    assert len(parsed.of("link")) == 1  # the icon, which a browser would ask for


def test_names_are_text_and_no_markup(whole):
    assert "<b>bold" not in whole[1]
    assert "&lt;b&gt;bold" in whole[1]


def test_names_that_are_copied_into_a_spreadsheet_are_no_formulas(whole):
    assert 'th, td.text { mso-number-format: "\\@"; }' in whole[1]


def test_each_id_is_there_once(parsed):
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    inner = re.findall(r"url\(#([^)]+)\)", str(parsed.elements))
    links = [a["href"][1:] for a in parsed.of("a")] + [
        a["xlink:href"][1:] for a in parsed.of("use")
    ]
    assert set(inner + links) <= set(ids)


def test_every_picture_and_chart_says_what_it_shows(parsed):
    pictures, charts = parsed.of("img"), parsed.of("svg")
    assert all(each["alt"] for each in pictures)
    assert all(each["role"] == "img" and each["aria-labelledby"] for each in charts)
    assert len(parsed.of("title")) == len(charts) + 1
    assert len(parsed.of("desc")) == len(charts)


@pytest.mark.parametrize(
    ("classes", "question"),
    [
        (["cat", "dog"], "Cat or dog?"),
        (["ant", "bee", "wasp"], "Ant, bee or wasp?"),
        (["a", "b", "c", "d", "e"], "Which of 5 classes?"),
    ],
)
def test_the_title_asks_what_the_model_answers(classes, question):
    assert page.title(classes) == question


# --- in Chromium ---


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def files(whole, tmp_path_factory):
    """The page, and that of as many classes as have a confusion matrix, with long names."""
    classes = [f"Größtdampfschifffahrt Nr. {number}" for number in range(12)]
    counts = {split: dict.fromkeys(classes, 12_345) for split in ("train", "validation", "test")}
    figures = {"pictures": 12_345, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    twelve = SimpleNamespace(**vars(whole[0]))
    twelve.classes, twelve.counts, twelve.confusion = classes, counts, [[1_234] * 12] * 12
    twelve.of_classes = [{"class": label} | figures for label in classes]
    folder = tmp_path_factory.mktemp("page")
    written = {2: whole[1], 12: page.render(twelve)}
    for count, text in written.items():
        (folder / f"{count}.html").write_text(text, encoding="utf-8")
    return {count: folder / f"{count}.html" for count in written}


@pytest.fixture
def opened(browser, files):
    """Opens the page, and notes what the console says and what is asked for."""
    contexts = []

    def open_page(width=1280, scheme="light", file=files[2]):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        tab = context.new_page()
        tab.complaints, tab.asked = [], []
        tab.on("console", lambda message: tab.complaints.append(message.text))
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.on("request", lambda asked: tab.asked.append(asked.url))
        tab.goto(file.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()


@needs_chromium
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_it_opens_offline_without_errors_and_every_picture_loads(opened, files, width):
    tab = opened(width)
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth)")
    assert tab.evaluate("document.images.length") > 20
    assert tab.complaints == []
    assert [url for url in tab.asked if not url.startswith("data:")] == [files[2].as_uri()]


# Between the margins of an upright sheet of A4, in pixels of the style sheet.
SHEET = 672
CUT_OFF = """() => [...document.querySelectorAll('body *:not(svg *)')]
    .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1
        || e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.tagName + ' ' + e.className + ' ' + e.scrollWidth)"""


@needs_chromium
@pytest.mark.parametrize("classes", [2, 12])
def test_nothing_is_wider_than_a_phone_s_screen_or_cut_off_in_print(opened, files, classes):
    """Where a table is wider than the screen, it is moved within itself."""
    tab = opened(WIDTHS["phone"], file=files[classes])
    assert tab.evaluate("document.documentElement.scrollWidth") == WIDTHS["phone"]
    tab = opened(SHEET, file=files[classes])
    tab.emulate_media(media="print")
    assert tab.evaluate(CUT_OFF) == []


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_it_is_accessible_and_contrast_holds(opened, width, scheme):
    """By axe's rules, those for contrast among them."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(opened(width, scheme)).response
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []
    assert "color-contrast" in {rule["id"] for rule in found["passes"]}


# The least contrast of text (WCAG 2.2, 1.4.3) and of lines that mean something (1.4.11).
TEXT, LINE = 4.5, 3
CONTRASTS = """selectors => {
  const linear = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  return Object.entries(selectors).map(([selector, property]) =>
    [...document.querySelectorAll(selector)].map(element => {
      const own = luminance(getComputedStyle(element)[property]);
      return (Math.max(own, paper) + 0.05) / (Math.min(own, paper) + 0.05);
    }));
}"""


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_holds_in_charts(opened, scheme):
    """Which axe passes over."""
    tab = opened(scheme=scheme)
    texts, lines = tab.evaluate(
        CONTRASTS, {"svg text": "fill", "svg [id*='line2d'] > path[clip-path]": "stroke"}
    )
    assert min(texts) >= TEXT
    marked = [ratio for ratio in lines if ratio > 2]  # the others are the grid's
    assert len(marked) >= 10
    assert min(marked) >= LINE


@needs_chromium
def test_the_keyboard_reaches_everything(opened):
    tab = opened(WIDTHS["phone"])
    reachable = tab.evaluate("document.querySelectorAll('a[href], [tabindex=\"0\"]').length")
    reached = []
    for _ in range(reachable):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate(
                "(e => [e.tagName, e.getAttribute('href') || e.getAttribute('aria-label'),"
                " getComputedStyle(e).outlineStyle])(document.activeElement)"
            )
        )
    names = [name for _, name, _ in reached]
    assert len(set(names)) == reachable
    assert all(outline == "solid" for *_, outline in reached)  # one sees where one is
    sideways = tab.evaluate(
        "[...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1 &&"
        " getComputedStyle(e).overflowX == 'auto').map(e => e.getAttribute('aria-label'))"
    )
    assert sideways
    assert set(sideways) <= set(names)


@needs_chromium
def test_printed_it_is_dark_on_white_even_in_the_dark(opened):
    tab = opened(scheme="dark")
    tab.emulate_media(media="print")
    colours = tab.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
    assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert not tab.is_visible("nav")
    (texts,) = tab.evaluate(CONTRASTS, {"svg text": "fill"})
    assert min(texts) >= TEXT
    assert len(tab.pdf()) > 50_000
