"""Writes one page about the run in this folder: a single HTML file, with all that it shows."""

from pathlib import Path
from types import SimpleNamespace

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tools.report import contents
from vision.runtime.files import make_room

_HERE = Path(__file__).parent
# So many classes are named; more are counted.
_NAMED = 4


def write(to: Path, revision: str | None = None) -> None:
    """Write the page to a file.

    Parameters
    ----------
    revision : a branch, a tag, a commit or an experiment: what changed since then is shown, too.

    Raises
    ------
    UserError
        There is no finished run here, the revision can't be read, or the file not be written.
    """
    make_room(to)
    text = render(contents.gather(revision))
    to.write_text(text, encoding="utf-8", newline="\n")
    print(f"{to}: open it in a browser")


def render(shown: SimpleNamespace) -> str:
    """Return the page as HTML, with nothing outside of it."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "count": count}
    style = Markup((_HERE / "style.css").read_text(encoding="utf-8"))
    template = environment.get_template("page.html")
    return template.render(style=style, title=title(shown.classes), **vars(shown))


def title(classes: list[str]) -> str:
    """Ask what the model answers."""
    if len(classes) > _NAMED:
        return f"Which of {len(classes)} classes?"
    question = ", ".join(classes[:-1]) + f" or {classes[-1]}?"
    return question[0].upper() + question[1:]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def count(number: int) -> str:
    return f"{number:,}"
