"""README.md and docs/: short, without dead links, and every command that they name exists."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from itertools import pairwise, product
from pathlib import Path

import pytest
from dvc.cli.parser import get_main_parser
from ruamel.yaml import YAML

from few.command import build_parser
from tests.code import ROOT
from tools.experiment import flatten, set_params
from vision.params import load_params

DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
# Programs of others, whose calls are not checked here.
OTHERS = {"cp", "eval", "mkdir", "pip", "python", "python3", "source", "uv"}
GIT = {"add", "checkout", "clone", "commit", "config", "push", "restore"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_STUDIES = YAML(typ="safe").load(ROOT / "studies/params.yaml")
PARAMETERS = {
    *flatten(load_params(ROOT / "params.yaml").model_dump()),
    *(f"{section}.{parameter}" for section, of_it in OF_STUDIES.items() for parameter in of_it),
}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page: Path) -> Iterator[list[str]]:
    """Split the shell blocks of a page into commands, without their comments."""
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "sh":
            for line in block.splitlines():
                words = shlex.split(line, comments=True)
                while "&&" in words:
                    end = words.index("&&")
                    yield words[:end]
                    words = words[end + 1 :]
                yield words


def spans(page: Path) -> list[str]:
    """List what stands as code within sentences."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def of_program(program: str) -> list[list[str]]:
    """List the arguments of a program, wherever a page calls it."""
    return [words[1:] for page in PAGES for words in commands(page) if words[0] == program]


def anchors(page: Path) -> set[str]:
    """Return the names that a page's headings have in links, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def parse(parser, arguments: list[str]):
    said = StringIO()
    try:
        with redirect_stderr(said):
            return parser.parse_args(arguments)
    except BaseException as error:  # argparse exits, and DVC raises an error of its own
        pytest.fail(f"{shlex.join(arguments)}: {said.getvalue() or error}")


def test_they_are_short():
    assert len(README.read_text(encoding="utf-8").split()) <= 700
    words = sum(len(page.read_text(encoding="utf-8").split()) for page in DOCS.rglob("*.md"))
    assert words <= 15_000


def test_the_glossary_has_twenty_words():
    glossary = (DOCS / "reference/glossary.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\*\*.+?\.\*\*", glossary, re.MULTILINE)) == 20


def test_the_readme_leads_to_every_page():
    linked = set(re.findall(r"\]\(([^)#]+)", prose(README)))
    assert {name(page) for page in DOCS.rglob("*.md")} <= linked


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            to = page.parent / path if path else page
            assert to.exists(), link
            assert not anchor or anchor in anchors(to), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_passage_stands_twice(page):
    """Sentences of ten words and more, of one page or of two."""
    others = [prose(other) for other in PAGES if other != page]
    text = prose(page)
    sentences = re.split(r"(?<=[.:?]) |\n\n", re.sub(r"^\|.*$", "", text, flags=re.MULTILINE))
    sentences = [" ".join(sentence.split()) for sentence in sentences]
    long = [sentence for sentence in sentences if len(sentence.split()) >= 10]
    assert len(set(long)) == len(long)
    for other in others:
        assert not [sentence for sentence in long if sentence in " ".join(other.split())]


def test_the_pages_call_programs_that_are_known():
    called = {words[0] for page in PAGES for words in commands(page)}
    assert called - OTHERS <= {"cd", "dvc", "few", "git", "make"}


def test_few_understands_what_the_pages_call():
    calls = of_program("few")
    assert {"train", "predict", "explain", "report", "bundle", "serve"} <= {
        call[0] for call in calls
    }
    for call in calls:
        parse(build_parser(), call)


def test_few_has_the_commands_and_options_that_sentences_name():
    """Such as `few train --preset fast`, `few recipe NAME` and, in a table, `--rev`."""
    known = {}
    (choices,) = (action.choices for action in build_parser()._actions if action.choices)
    for command, parser in choices.items():
        known[command] = {option for action in parser._actions for option in action.option_strings}
    found = 0
    for page in PAGES:
        for span in spans(page):
            program, *words = span.split()
            if program == "few" and words and words[0].islower():
                found += 1
                assert words[0] in known, span
                assert {word for word in words if word.startswith("--")} <= known[words[0]], span
    assert found > 20
    table = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `few (\w+)[^`]*` \|(.*)$", table, re.MULTILINE))
    assert set(listed) == set(known)
    for command, text in listed.items():
        options = {option for option in known[command] if option.startswith("--")}
        assert set(re.findall(r"--\w+", text)) == options - {"--help"}, command


def test_dvc_understands_what_the_pages_call():
    calls = of_program("dvc")
    # What the project is about, as it is typed.
    for heart in ("repro", "metrics diff", "exp run -S lr=1e-5"):
        assert heart.split() in calls
    for call in calls:
        parse(get_main_parser(), call)


def test_dvc_has_the_commands_that_sentences_name():
    (known,) = (action.choices for action in get_main_parser()._actions if action.choices)
    named = {span.split()[1] for page in PAGES for span in spans(page) if span.startswith("dvc ")}
    assert named <= set(known)


@pytest.mark.parametrize(
    "call",
    [call for call in of_program("dvc") if {"-S", "--set-param"} & {*call}],
    ids=shlex.join,
)
def test_experiments_set_parameters_to_what_they_may_be(call, tmp_path):
    changes = [word.partition("=") for flag, word in pairwise(call) if flag == "-S"]
    # A grid has values with commas between them, a list brackets around them.
    grid = [[values] if values.startswith("[") else values.split(",") for _, _, values in changes]
    for values in product(*grid):
        read = map(YAML(typ="safe").load, values)
        (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        parameters = [parameter for parameter, _, _ in changes]
        set_params(tmp_path / "params.yaml", dict(zip(parameters, read, strict=True)))
        load_params(tmp_path / "params.yaml")


def test_the_suite_runs_what_the_pages_call():
    """Each command of dvc and few, if not with the same options; or it follows the page.

    tests/pipeline/test_tutorial.py and test_how_to.py do that.
    """
    files = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    sources = "".join(path.read_text(encoding="utf-8") for path in files)
    followed = {DOCS / "tutorial.md", *DOCS.glob("how-to/*.md")}
    for page in {*PAGES} - followed:
        for program, *words in commands(page):
            if program in ("dvc", "few"):
                of_two = {"dvc exp", "dvc metrics", "dvc plots", "dvc queue", "dvc remote"}
                form = words[: 1 + (f"{program} {words[0]}" in of_two)]
                assert ", ".join(f'"{word}"' for word in form) in sources, form


def test_stages_and_studies_that_the_pages_run_exist():
    for page in PAGES:
        calls = [*commands(page), *(span.split() for span in spans(page))]
        for words in calls:
            if words[:2] == ["dvc", "repro"]:
                for target in (word for word in words[2:] if word != "STAGE"):
                    file, _, stage = target.rpartition(":")
                    if target.endswith(".yaml"):
                        file, stage = target, None
                    declared = YAML(typ="safe").load(ROOT / (file or "dvc.yaml"))["stages"]
                    assert stage is None or stage.partition("@")[0] in declared, target


def test_parameters_that_sentences_name_exist():
    sections = {parameter.partition(".")[0] for parameter in PARAMETERS if "." in parameter}
    for page in PAGES:
        if page.parent.name == "background" and page.name in ("results.md", "benchmarks.md"):
            continue  # they tell of settings that were
        for span in spans(page):
            parameter = re.split(r"[:=]", span)[0].strip()
            section, dot, rest = parameter.partition(".")
            if dot and section in sections and re.fullmatch(r"[a-z_]+", rest):
                assert parameter in PARAMETERS, span


def test_continuous_integration_ends_with_the_readme_s_test_command():
    last = (ROOT / ".ci/run").read_text().splitlines()[-1]
    assert last == "make test"
    assert f"`{last}`" in README.read_text()


def test_make_has_the_targets_that_the_pages_name():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {words[0] for words in of_program("make")}
    named |= {span.split()[1] for page in PAGES for span in spans(page) if span.startswith("make ")}
    assert named <= targets


def test_git_has_the_commands_that_the_pages_call():
    assert {words[0] for words in of_program("git")} <= GIT


def test_files_that_sentences_name_are_written_or_there():
    """Those of stages are declared in dvc.yaml, of the other pipelines in theirs."""
    declared = "".join(
        (ROOT / pipeline).read_text(encoding="utf-8")
        for pipeline in ("dvc.yaml", "studies/dvc.yaml", "baselines/dvc.yaml")
    )
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    for page in PAGES:
        for span in spans(page):
            if re.fullmatch(
                r"(data|metrics|models|plots)/[\w/-]+\.(csv|json|keras|png|tflite)", span
            ):
                # A folder of them, such as plots/audit, is an output as a whole.
                places = [span, *([str(Path(span).parent)] if span.count("/") > 1 else [])]
                known = any(place in declared + tracked for place in places)
                assert known, f"{name(page)}: {span}"
