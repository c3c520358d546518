"""Fit captions into the width that a figure has for them, in letters that can be drawn."""

from bisect import bisect_right
from collections.abc import Callable
from functools import cache

from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.ft2font import FaceFlags

_FONT = "DejaVu Sans"  # which matplotlib brings along
# A line is broken after one of these, where that leaves more than half of it in place.
_BREAKS = "/ _-."


def families(text: str) -> list[str]:
    """Return the font families that draw a text, in the order in which they are asked.

    The first has Latin, Greek, Cyrillic, Arabic and Hebrew letters. For others, such as Chinese
    and Japanese, those installed fonts are added that have the most of what is missing.
    """
    chosen = [_FONT]
    missing = set(text) - {"\n"} - _letters(_path(_FONT))
    while missing:
        having = {name: missing & _letters(path) for name, path in _installed().items()}
        best = max(sorted(having), key=lambda name: len(having[name]), default=_FONT)
        if not having.get(best):
            break
        chosen.append(best)
        missing -= having[best]
    return chosen


def drawable(text: str) -> str:
    """Return a text with each letter that no font has as its number: `\\u732b`."""
    letters = set().union(*(_letters(_path(name)) for name in families(text))) | {"\n"}
    return "".join(
        letter if letter in letters else letter.encode("ascii", "backslashreplace").decode()
        for letter in text
    )


def fitted(text: str, points: float, width: float, dpi: int) -> str:
    """Break each line of a text that is too wide into two, and cut the middle out of longer ones.

    What tells the names of files apart is mostly at their ends.

    Parameters
    ----------
    text : one that is `drawable`.
    points : the size of the letters.
    width : that a line may take, in inches.
    dpi : the dots an inch at which it is drawn, to which letters are rounded.
    """
    font = font_manager.FontProperties(family=families(text), size=points)
    renderer = RendererAgg(1, 1, dpi)

    def fits(line: str) -> bool:
        return renderer.get_text_width_height_descent(line, font, ismath=False)[0] <= width * dpi

    return "\n".join(part for line in text.split("\n") for part in _broken(line, fits))


def _broken(line: str, fits: Callable[[str], bool]) -> list[str]:
    if fits(line):
        return [line]
    most = bisect_right(range(1, len(line)), False, key=lambda end: not fits(line[:end])) or 1
    at = max(line.rfind(letter, 0, most) + 1 for letter in _BREAKS)
    first = line[: at if at > most / 2 else most]
    rest = line[len(first) :]
    if not fits(rest):
        cut = bisect_right(range(len(rest)), False, key=lambda start: fits("…" + rest[start:]))
        rest = "…" + rest[cut:]
    return [first, rest]


def _path(family: str) -> str:
    return font_manager.findfont(_FONT) if family == _FONT else _installed()[family]


@cache
def _letters(path: str) -> frozenset[str]:
    return frozenset(map(chr, font_manager.get_font(path).get_charmap()))


@cache
def _installed() -> dict[str, str]:
    """Return the files of the fonts that the system has, and make them known to matplotlib.

    Its own list of them is of the day on which it was made.
    """
    found: dict[str, str] = {}
    for path in sorted(font_manager.findSystemFonts()):
        try:
            font = font_manager.get_font(path)
            known = font_manager.ttfFontProperty(font)
        except (OSError, RuntimeError, KeyError):
            continue  # no font that can be read
        outlines = FaceFlags.SCALABLE in font.face_flags and not font.face_flags & FaceFlags.COLOR
        if outlines and (known.style, known.weight) == ("normal", 400) and known.name != _FONT:
            found.setdefault(known.name, path)
    for path in found.values():
        font_manager.fontManager.addfont(path)
    return found
