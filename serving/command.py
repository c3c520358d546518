"""What `python -m serving` understands. It imports what a command needs when that runs."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import argcomplete

DESCRIPTION = "Uses the model that the pipeline trained; see docs/using.md."
EXAMPLES = """\
examples:
  python -m serving predict cat.jpg                     classify a picture
  python -m serving predict --csv holidays > found.csv  classify all pictures of a folder
  python -m serving bundle                              pack the model into bundle.zip
  python -m serving serve                               open a page to drop pictures onto

`python -m serving COMMAND --help` has more of each.
"""
PREDICT = """\
Classifies pictures. The model is that of this folder's last run, unless --rev or --bundle says
otherwise. A probability is calibrated: of many predictions of 0.9, nine in ten should be right. A
prediction is called unsure below a probability that was chosen on the validation pictures.
What is no picture is named on stderr, the rest goes on, and the exit status is 1 at the end.
"""
PREDICT_EXAMPLES = """\
examples:
  python -m serving predict cat.jpg dog.png
  python -m serving predict holidays                      a folder, with all below it
  python -m serving predict 'holidays/**/*.jpg'           a pattern, quoted from the shell
  find / -name '*.jpg' | python -m serving predict -      a list, one file a line
  python -m serving predict --csv holidays > found.csv
  python -m serving predict --json cat.jpg | jq '.[].class'
  python -m serving predict -- -1.jpg                     a name that begins with a dash
  python -m serving predict --explain heat cat.jpg        draws where it saw that, into heat/
  python -m serving predict --rev main holidays           as the model of a branch says
  python -m serving predict --bundle bundle.zip cat.jpg
"""
BUNDLE = """\
Packs the final model into one file to pass on: for Keras and for LiteRT, with its classes,
thresholds, metrics, model card, and a script that predicts without TensorFlow. Before that it
checks on all test pictures that both forms say the same.
"""
BUNDLE_EXAMPLES = """\
examples:
  python -m serving bundle
  python -m serving bundle cats-and-dogs.zip
"""

SERVE = """\
Opens a page onto which one drops pictures; it says their class and its probability, and shows
where in the picture the model saw it. `make serve` installs Gradio, which it needs, and runs this.
The page is for this machine alone unless --host says otherwise, and it asks nobody for a password.
"""
SERVE_EXAMPLES = """\
examples:
  python -m serving serve
  python -m serving serve --bundle bundle.zip --port 8000
  python -m serving serve --host 0.0.0.0                let others in the network use it
"""


def main() -> None:
    parser = build_parser()
    argcomplete.autocomplete(parser)
    options = parser.parse_args()
    options.run(options)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; the options that it parses have `run`, which takes them and works."""
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_predict(commands)
    _add_bundle(commands)
    _add_serve(commands)
    return parser


def _add(
    commands: argparse._SubParsersAction, name: str, purpose: str, description: str, examples: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=purpose,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_predict(commands: argparse._SubParsersAction) -> None:
    predict = _add(commands, "predict", "classify pictures", PREDICT, PREDICT_EXAMPLES)
    predict.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a picture, a folder, a pattern such as '**/*.jpg', or - for a list on stdin",
    )
    add_model(predict)
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
    predict.add_argument(
        "--explain",
        type=Path,
        metavar="FOLDER",
        help="draw the pictures with the heat of what spoke for their class (Grad-CAM), into here",
    )
    predict.set_defaults(form="table", run=_predict)


def add_model(command: argparse.ArgumentParser) -> None:
    """Let a command take another model than the workspace's; `open_model` opens it."""
    model = command.add_mutually_exclusive_group()
    model.add_argument(
        "--rev", help="the model of a branch, a tag, a commit or an experiment", metavar="REV"
    ).completer = _revisions
    model.add_argument(
        "--bundle",
        type=Path,
        help="the model of a bundle, as `make bundle` writes it",
        metavar="FILE",
    )


def _revisions(prefix: str, **_: object) -> list[str]:
    """Return the names of branches, tags and experiments, to complete."""
    listed = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/exps"],
        capture_output=True,
        text=True,
    )
    references = [line.split("/") for line in listed.stdout.splitlines()]
    names = {
        # refs/exps/ab/cdef.../NAME; those of queues and the like are shorter or deeper.
        parts[-1] if parts[1] == "exps" else "/".join(parts[2:])
        for parts in references
        if parts[1] != "exps" or len(parts) == 5
    }
    return sorted(names)


def _add_bundle(commands: argparse._SubParsersAction) -> None:
    bundle = _add(commands, "bundle", "pack the model into one file", BUNDLE, BUNDLE_EXAMPLES)
    bundle.add_argument(
        "to",
        nargs="?",
        type=Path,
        default=Path("bundle.zip"),
        metavar="FILE",
        help="the file to write; bundle.zip where none is named",
    )
    bundle.set_defaults(run=_bundle)


def _add_serve(commands: argparse._SubParsersAction) -> None:
    serve = _add(commands, "serve", "open a page to drop pictures onto", SERVE, SERVE_EXAMPLES)
    add_model(serve)
    serve.add_argument("--host", default="127.0.0.1", help="the address to serve; 127.0.0.1")
    serve.add_argument("--port", default=7860, type=int, help="the port to serve at; 7860")
    serve.set_defaults(run=_serve)


def _predict(options: argparse.Namespace) -> None:
    from serving import classifier, predict

    # Names of files may be no text at all; they come out as they went in.
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    model = classifier.open_model(options.rev, options.bundle)
    try:
        predict.print_predictions(model, options.paths, options.form, options.explain)
        sys.stdout.flush()
    except BrokenPipeError:  # as by `| head`, which wants no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bundle(options: argparse.Namespace) -> None:
    from serving import bundle

    bundle.write(options.to)


def _serve(options: argparse.Namespace) -> None:
    from serving import classifier, serve

    serve.serve(classifier.open_model(options.rev, options.bundle), options.host, options.port)
