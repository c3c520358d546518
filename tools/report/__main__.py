"""Writes one page about the run in this folder: a single HTML file, with all that it shows inside.

    python -m tools.report [--rev REV] [FILE]

REV, a branch, a tag, a commit or an experiment: what changed since then is shown, too.
"""

import argparse
from pathlib import Path

from tools.report import contents, page
from vision.runtime.files import make_room
from vision.runtime.program import run


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.report", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--rev", help="show what changed since a branch, a tag, a commit or an experiment"
    )
    parser.add_argument(
        "to",
        nargs="?",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the file to write; report.html where none is named",
    )
    options = parser.parse_args()
    make_room(options.to)
    text = page.render(contents.gather(options.rev or None))
    options.to.write_text(text, encoding="utf-8", newline="\n")
    print(f"{options.to}: open it in a browser")


if __name__ == "__main__":
    run(main)
