"""The commands that use the model. Each imports what it needs when it runs."""

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from few.arguments import REVISION, add_command, revisions
from vision.runtime.errors import UserError

# Gradio's own environment, which the Makefile knows how to make.
SERVE_VENV = Path(".venv-serve")

PREDICT = """\
Classifies pictures. The model is that of this folder's last run, unless --rev or --bundle says
otherwise. A probability is calibrated: of many predictions of 0.9, nine in ten should be right. A
prediction is called unsure below a probability that was chosen on the validation pictures.
A file that is no picture is named on stderr, the others are classified, and the exit status is 1.
"""
PREDICT_EXAMPLES = """\
  few predict cat.jpg dog.png
  few predict holidays                      a folder, with all below it
  few predict 'holidays/**/*.jpg'           a pattern, quoted from the shell
  find / -name '*.jpg' | few predict -      a list, one file a line
  few predict --csv holidays > found.csv
  few predict --json cat.jpg | jq '.[].class'
  few predict -- -1.jpg                     a name that begins with a dash
  few predict --rev main holidays           by the model of a branch
  few predict --bundle bundle.zip cat.jpg
"""
EXPLAIN = """\
Classifies pictures, and draws each with a heat map of what in it spoke for its class (Grad-CAM).
"""
EXPLAIN_EXAMPLES = """\
  few explain cat.jpg                       heat/cat.jpg.png
  few explain --to where holidays           where/holidays/beach.jpg.png and so on
"""
BUNDLE = """\
Packs the final model into one file to pass on: for Keras and for LiteRT, with its classes,
thresholds, metrics, model card, and a script that predicts without TensorFlow. Before that it
checks on all test pictures that both forms say the same.
"""
BUNDLE_EXAMPLES = """\
  few bundle
  few bundle cats-and-dogs.zip
"""
SERVE = """\
Shows a page onto which one drops pictures; it says their class and its probability, and shows
where in the picture the model looked. Gradio, which it needs, is installed the first time.
The page is for this machine alone unless --host says otherwise, and it asks nobody for a password.
"""
SERVE_EXAMPLES = """\
  few serve
  few serve --bundle bundle.zip --port 8000
  few serve --host 0.0.0.0                  let others in the network use it
"""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands."""
    predict = add_command(
        commands, "predict", _predict, "classify pictures", PREDICT, PREDICT_EXAMPLES
    )
    _add_pictures(predict)
    _add_model(predict)
    form = predict.add_mutually_exclusive_group()
    form.add_argument(
        "--json",
        dest="form",
        action="store_const",
        const="json",
        help="a JSON array, with an object a line for each picture",
    )
    form.add_argument(
        "--csv", dest="form", action="store_const", const="csv", help="a CSV table with a header"
    )
    predict.set_defaults(form="table", to=None)

    explain = add_command(
        commands, "explain", _predict, "draw where the model looked", EXPLAIN, EXPLAIN_EXAMPLES
    )
    _add_pictures(explain)
    _add_model(explain)
    explain.add_argument(
        "--to",
        type=Path,
        default=Path("heat"),
        metavar="FOLDER",
        help="the folder for the drawings; heat where none is named",
    )
    explain.set_defaults(form="table")

    bundle = add_command(
        commands, "bundle", _bundle, "pack the model into one file", BUNDLE, BUNDLE_EXAMPLES
    )
    bundle.add_argument(
        "to",
        nargs="?",
        type=Path,
        default=Path("bundle.zip"),
        metavar="FILE",
        help="the file to write; bundle.zip where none is named",
    )

    serve = add_command(
        commands, "serve", _serve, "show a page to drop pictures onto", SERVE, SERVE_EXAMPLES
    )
    _add_model(serve)
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at; 127.0.0.1")
    serve.add_argument("--port", default=7860, type=int, help="the port to listen at; 7860")


def _add_pictures(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a picture, a folder, a pattern such as '**/*.jpg', or - for a list on stdin",
    )


def _add_model(command: argparse.ArgumentParser) -> None:
    """Let a command take another model than the workspace's."""
    model = command.add_mutually_exclusive_group()
    model.add_argument(
        "--rev", help=f"the model of {REVISION}", metavar="REV"
    ).completer = revisions
    model.add_argument(
        "--bundle",
        type=Path,
        help="the model of a bundle, as `few bundle` writes it",
        metavar="FILE",
    )


def _predict(options: argparse.Namespace) -> None:
    from serving import classifier, predict

    # Names of files may be no text at all; they come out as they went in.
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    model = classifier.open_model(options.rev, options.bundle)
    try:
        predict.print_predictions(model, options.paths, options.form, options.to)
        sys.stdout.flush()
    except BrokenPipeError:  # as by `| head`, which wants no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bundle(options: argparse.Namespace) -> None:
    from serving import bundle

    bundle.write(options.to)


def _serve(options: argparse.Namespace) -> None:
    if importlib.util.find_spec("gradio") is None and Path(sys.prefix) != SERVE_VENV.resolve():
        _serve_by_gradio(sys.argv[1:])
    from serving import classifier, serve

    serve.serve(classifier.open_model(options.rev, options.bundle), options.host, options.port)


def _serve_by_gradio(arguments: Iterable[str]) -> None:
    """Go on as the Python of the page's own environment, which is made where there is none.

    Raises
    ------
    UserError
        It can't be made.
    """
    make = ["make", "--no-print-directory", f"{SERVE_VENV}/.installed"]
    try:
        subprocess.run(make, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise UserError(f"the page's environment can't be made by `{' '.join(make)}`") from None
    python = str(SERVE_VENV / "bin/python")
    os.execv(python, [python, "-m", "few", *arguments])
