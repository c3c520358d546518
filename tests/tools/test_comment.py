"""What a pull request's comment says."""

import re

import pytest
from PIL import Image
from ruamel.yaml import YAML

from tests.code import ROOT
from tests.stubs import StubProject
from tools.comment import CURVES, METRICS, REMARK

WORKFLOW = YAML(typ="safe").load(ROOT / ".github/workflows/pull-request.yml")
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The base, with a metric and the curves of the head, and another run in the workspace."""
    project = StubProject(tmp_path_factory.mktemp("project") / "project")
    pipeline = YAML(typ="safe").load(ROOT / "dvc.yaml")
    plots = [plot for plot in pipeline["plots"] if not isinstance(plot, str)]
    YAML().dump({"metrics": METRICS, "plots": plots}, project.folder / "dvc.yaml")
    write(project, accuracy=0.5)
    project.commit("Run")
    project.run("git", "branch", "base")
    write(project, accuracy=0.75)
    return project


def comment(project, *arguments, check=True):
    return project.run(
        *("python", "-m", "tools.comment", *arguments), check=check, env={"PYTHONPATH": str(ROOT)}
    )


def write(project, accuracy):
    for folder in ("metrics", "plots"):
        (project.folder / folder).mkdir(exist_ok=True)
    (project.folder / "metrics/evaluate.json").write_text(f'{{"accuracy": {accuracy}}}')
    rows = [f"{epoch},0.3,{accuracy},0.4,{accuracy}" for epoch in (1, 2, 3)]
    names = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy"
    (project.folder / "plots/head.csv").write_text("\n".join([names, *rows]) + "\n")


def test_the_comment_has_the_changed_metrics_and_the_curves_that_there_are(project):
    comment(project, "base", "comment")
    report = (project.folder / "comment/report.md").read_text()
    assert re.search(r"\| metrics/evaluate.json +\| accuracy +\| 0.5 +\| 0.75 +\| 0.25 +\|", report)
    assert REMARK in report
    shown = re.findall(r"!\[(.*)\]\(./(.*)\)", report)
    assert shown == [item for item in CURVES.items() if item[0].endswith("head")]
    for _, file in shown:
        with Image.open(project.folder / "comment" / file) as picture:
            assert len(picture.convert("RGB").getcolors(10**6)) > 10


def test_where_no_metric_changes_it_says_so(project):
    project.run("git", "stash", "--quiet")
    comment(project, "base", "same")
    project.run("git", "stash", "pop", "--quiet")
    assert "No metric changes.\n" in (project.folder / "same/report.md").read_text()


# --- the workflow that posts it ---


def test_the_metrics_and_curves_are_those_of_the_pipeline():
    pipeline = YAML(typ="safe").load(ROOT / "dvc.yaml")
    stages = pipeline["stages"].values()
    assert [file for stage in stages for each in stage.get("metrics", []) for file in each] == (
        METRICS
    )
    plots = (plot for plot in pipeline["plots"] if not isinstance(plot, str))
    assert set(CURVES) <= {next(iter(plot)) for plot in plots}


def test_actions_and_packages_are_pinned():
    for step in STEPS:
        if "uses" in step:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])
        for package in re.findall(r"npm install --global (\S+)", step.get("run", "")):
            assert re.fullmatch(r".+@\d+\.\d+\.\d+", package)


def test_what_runs_a_pull_requests_code_may_not_write():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    writing = {name for name, job in WORKFLOW["jobs"].items() if "permissions" in job}
    assert writing == {"comment"}
    commands = [step.get("run", "") for step in WORKFLOW["jobs"]["comment"]["steps"]]
    assert not [command for command in commands if re.search(r"make|python|dvc ", command)]


def test_it_calls_what_the_makefile_has():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {name for step in STEPS for name in re.findall(r"make ([\w-]+)", step.get("run", ""))}
    assert called == {"repro", "comment"}
    assert called <= targets
