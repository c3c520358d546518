"""What `few` understands; few/model.py and few/runs.py have the commands."""

import argparse
import getpass
import os
from pathlib import Path

import argcomplete

from few import model, runs
from few.arguments import RAW
from vision.runtime.errors import UserError

# The home of who has none, as the Makefile gives it.
HOME = Path(".venv/home")

DESCRIPTION = "Image classification from few pictures. Run it in the project's folder."
EXAMPLES = """\
examples:
  few train ~/pictures              train on your own pictures, a folder for each class
  few train                         go on, as after a correction
  few predict cat.jpg holidays      classify pictures
  few explain cat.jpg               see where in a picture the model looked
  few bundle                        pack the model into one file to pass on

`few COMMAND --help` has more of each. Beside it, all of DVC works as ever: `dvc repro`,
`dvc exp run -S lr=1e-5`, `dvc metrics diff`.
"""


def main() -> None:
    parser = build_parser()
    argcomplete.autocomplete(parser)
    options = parser.parse_args()
    if not Path("dvc.yaml").is_file() and not getattr(options, "bundle", None):
        raise UserError("there is no dvc.yaml here; `cd` to the project's folder first")
    if Path("dvc.yaml").is_file():
        give_name_and_home()
    options.run(options)


def give_name_and_home() -> None:
    """Give a name and a home to who has none, as by `docker run --user 1042`: DVC asks for both."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # by the version of Python
        os.environ["USER"] = str(os.getuid())
    try:
        has_home = os.access(Path.home(), os.W_OK)
    except RuntimeError:
        has_home = False
    if not has_home:
        HOME.mkdir(parents=True, exist_ok=True)
        os.environ["HOME"] = str(HOME.absolute())


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; the options that it parses have `run`, which takes them and works."""
    parser = argparse.ArgumentParser(
        prog="few", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=RAW
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    runs.add_train(commands)
    model.add(commands)
    runs.add(commands)
    return parser
