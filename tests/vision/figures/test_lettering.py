import pytest

from vision.figures import lettering

LONG = "cat/Screenshot_20240312-081523_WhatsApp_Business_edited_copy_of_copy_number_12345.jpg"


@pytest.fixture
def no_fonts(monkeypatch):
    """A system without fonts, but for the one that matplotlib brings along."""
    monkeypatch.setattr(lettering, "_installed", dict)


def fitted(text, width=1.6):
    return lettering.fitted(text, points=7, width=width, dpi=110)


def test_what_fits_stays_as_it_is_and_what_fits_in_two_lines_loses_nothing():
    assert fitted("cat/1.jpg\nhead: dog 0.999") == "cat/1.jpg\nhead: dog 0.999"
    assert fitted("") == ""
    name = "cat/IMG_20240312_081523_edited_copy.jpg"
    assert "\n" in fitted(name)
    assert fitted(name).replace("\n", "") == name
    # Broken between words where it can be.
    assert fitted("cat/Screen Shot 2024-03-12 at 11.59.59.png").split("\n")[0][-1] in " -."


def test_a_long_line_is_broken_in_two_and_cut_in_its_middle():
    first, last = fitted(LONG).split("\n")
    assert LONG.startswith(first)
    assert last.startswith("…")
    assert LONG.endswith(last[1:])
    assert len(first) + len(last) >= 50


def test_a_name_of_any_length_takes_two_lines_at_most():
    for letter in "Wi_éЖ":
        for length in (1, 20, 60, 250):
            assert fitted(letter * length).count("\n") <= 1


def test_letters_that_no_font_has_are_shown_as_their_numbers(no_fonts):
    assert lettering.drawable("猫/1.jpg") == r"\u732b/1.jpg"
    assert lettering.drawable("🐈 cat\n2") == "\\U0001f408 cat\n2"
    assert lettering.families("猫") == ["DejaVu Sans"]


def test_ordinary_letters_need_no_other_font(monkeypatch):
    monkeypatch.setattr(lettering, "_installed", lambda: pytest.fail("fonts were looked for"))
    text = "Łódź/κάτα кот قط.jpg"
    assert lettering.drawable(text) == text
    assert lettering.families(text) == ["DejaVu Sans"]


def test_an_installed_font_lends_the_letters_that_are_missing(monkeypatch):
    own = {"DejaVu": "aboc…", "Cats": "猫犬", "Fewer": "猫", "Others": "x"}
    monkeypatch.setattr(lettering, "_FONT", "DejaVu")
    monkeypatch.setattr(lettering, "_path", str)
    monkeypatch.setattr(lettering, "_letters", lambda path: frozenset(own[path]))
    monkeypatch.setattr(lettering, "_installed", lambda: {k: k for k in own if k != "DejaVu"})
    assert lettering.families("猫abo犬") == ["DejaVu", "Cats"]
    assert lettering.families("x猫") == ["DejaVu", "Cats", "Others"]
    assert lettering.drawable("猫 鳥") == r"猫 \u9ce5"
    monkeypatch.undo()
    assert all(lettering._letters(path) for path in lettering._installed().values())
