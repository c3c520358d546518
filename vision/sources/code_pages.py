"""Guess the code page of the names in a zip that doesn't say it.

Detectors for text, as in charset-normalizer, need more of it than names have. Here the names of an
archive are read in each likely code page, and the one whose characters are the most usual wins.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from vision.runtime.text import composed

UTF8 = "utf-8"
STANDARD = "cp437"  # of DOS, which the specification of zip names

# The likely ones, and whose they are; of equally likely ones the first is taken.
CODE_PAGES = {
    "utf-8": "Unicode",
    "cp437": "DOS, American",
    "cp850": "DOS, Western European",
    "cp866": "DOS, Cyrillic",
    "cp1251": "Windows, Cyrillic",
    "cp1252": "Windows, Western European",
    "cp949": "Korean",
    "cp932": "Japanese",
    "gb18030": "simplified Chinese",
    "big5": "traditional Chinese",
}

# The standards of East Asia have their common characters first: per code page, the encoding in
# which to look, and the first and last of the lead bytes of these.
_COMMON = {
    "cp932": ("euc_jp", 0xB0, 0xCF),
    "gb18030": ("gb2312", 0xB0, 0xD7),
    "big5": ("big5", 0xA4, 0xC6),
    "cp949": ("euc_kr", 0xB0, 0xC8),
}
# Korean syllables share their bytes with Chinese characters, so that both readings are of common
# characters. What tells them apart is which syllables are the most used: these make up about half
# of Korean text, and a twentieth of what Chinese text looks like when it is read as Korean.
_SYLLABLES = frozenset(
    "이다는을가에고의지하한로기사도그나어자아서리대시인정일수라해부만전들스보제은과장주원상여게구면성"
    "연동유선경내안소국신조요화오문거세으양말물실민방계진것때미야우치비공학생모무회적위중마트크드토"
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc]")
_WIDE = re.compile("[\u3000-\u3020\uff01-\uff5e]")
_CYRILLIC_PAGES = frozenset({"cp866", "cp1251"})
_LATIN = re.compile("[A-Za-z]")
_CYRILLIC = re.compile("[\u0410-\u044f\u0401\u0451]")
_WESTERN = frozenset(
    "\u00e4\u00f6\u00fc\u00df\u00e9\u00e8\u00ea\u00eb\u00e0\u00e2\u00e1\u00e3\u00e5\u00e6\u00e7"
    "\u00ed\u00ee\u00ef\u00f1\u00f3\u00f4\u00f5\u00f8\u00fa\u00f9\u00fb\u0153"
)
_ENOUGH = 2000  # names to look at
_LEAST = 0.3  # likeliness that counts
_CERTAIN = 8  # different bytes beyond ASCII that are hardly UTF-8 by chance
_FOREIGN = re.compile(rb"[\x80-\xff]+")


def guess(names: Iterable[bytes]) -> tuple[str, bool]:
    """Return the code page that names are most likely in, and whether that is certain.

    It is where they are in UTF-8, and have enough bytes for it or make words there: in `gb18030`,
    a cat's name is two bytes that are an e with a grave accent in UTF-8. `STANDARD` is returned
    if no page is likely.

    Parameters
    ----------
    names : those of one archive that aren't ASCII; their order makes no difference.
    """
    parts = sorted({part for name in names for part in name.split(b"/")})
    foreign = [part for part in parts if not part.isascii()]
    sample = foreign[:: len(foreign) // _ENOUGH + 1]
    likely = {page: _likeliness(page, sample) for page in CODE_PAGES}
    few = sum(map(len, {run for part in foreign for run in _FOREIGN.findall(part)})) < _CERTAIN
    if likely[UTF8] == 1 or (likely[UTF8] >= 0 and not few):
        return UTF8, True
    for page in sorted(likely, key=likely.get, reverse=True):
        if likely[page] > _LEAST and all(_read(page, part) is not None for part in foreign):
            return page, False
    return STANDARD, False


def _read(page: str, name: bytes) -> str | None:
    try:
        return name.decode(page)
    except UnicodeDecodeError:
        return None


def _likeliness(page: str, names: list[bytes]) -> float:
    """Return how usual the characters of names are in a code page, 0 to 1; -1: none can be."""
    texts = [_read(page, name) for name in names]
    if None in texts:
        return -1
    if page == UTF8:
        texts = map(composed, texts)
    score = _unicode if page == UTF8 else _wide if page in _COMMON else _narrow
    points = [
        score(page, before, letter, after)
        for text in texts
        for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False)
        if not letter.isascii()
    ]
    return sum(points) / max(len(points), 1)


def _unicode(page: str, before: str, letter: str, after: str) -> float:
    """Score a letter that UTF-8 may have by chance, by its neighbours."""
    if letter < "\u00c0":  # signs, such as that of degrees
        known = before.isalnum() or after.isalnum()
    else:  # two bytes that are a letter: others of its script stand beside it
        known = letter > "\u07ff" or _script(letter) in {_script(before), _script(after)}
    return 1.0 if known else 0.5


def _script(letter: str) -> str:
    return unicodedata.name(letter, "none").partition(" ")[0]


def _wide(page: str, before: str, letter: str, after: str) -> float:
    """Score a letter of a code page of East Asia."""
    encoding, first, last = _COMMON[page]
    try:
        code = letter.encode(encoding)
    except UnicodeEncodeError:
        code = b""
    common = len(code) == 2 and first <= code[0] <= last
    if page == "cp932" and _KANA.match(letter):
        return 1.0
    if page == "cp949":
        return 1.2 if letter in _SYLLABLES else 0.83 if common else 0
    if _WIDE.match(letter):
        return 0.8
    return 0.9 if common else 0.2 if len(code) == 2 else 0.0


def _narrow(page: str, before: str, letter: str, after: str) -> float:
    """Score a letter of a code page of one byte each."""
    among_latin = _LATIN.match(before) or _LATIN.match(after)
    if any(one.islower() and next_.isupper() for one, next_ in pairwise(before + letter + after)):
        return 0.0  # no word has a capital after a small letter
    if page in _CYRILLIC_PAGES:
        rare = letter == "\u0401"  # a capital that hardly any word starts with
        return (0.5 if rare else 1.0) if _CYRILLIC.match(letter) and not among_latin else 0.0
    if letter.lower() in _WESTERN:
        return 1.0 if among_latin else 0.4
    return 0.0
