"""dvc.yaml against the code: what a stage declares is what it uses, no more and no less."""

import ast
import re
from itertools import chain
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from tests.code import ROOT, imported_files, used_parameters
from vision.params import Params

DVC_YAML = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = DVC_YAML["stages"]
MODULES = sorted(
    path.relative_to(ROOT) for top in ("stages", "vision") for path in (ROOT / top).rglob("*.py")
)


def leaves(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Names of all parameters, as dvc writes them: `finetune.epochs`."""
    names = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= leaves(field.annotation, f"{prefix}{name}.")
        else:
            names.add(prefix + name)
    return names


ALL_PARAMETERS = leaves(Params)

# What stages write beside their outputs, and no result depends on: where they ran, and where an
# interrupted training was, which goes on to the same bytes (test_interruption.py).
BESIDE = {"metrics/environment.json", "models/.finetune.npz"}


def expand(names: set[str]) -> set[str]:
    """Replace each section by its parameters."""
    return {
        leaf
        for leaf in ALL_PARAMETERS
        for name in names
        if leaf == name or leaf.startswith(f"{name}.")
    }


@pytest.fixture(params=STAGES)
def stage(request):
    return request.param


def test_every_stage_module_is_a_stage():
    modules = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert modules == set(STAGES)


def test_a_stage_runs_the_module_of_its_name(stage):
    assert STAGES[stage]["cmd"] == f"python -m stages.{stage}"


def test_a_stage_depends_on_the_code_that_it_imports_and_on_no_other(stage):
    declared = {Path(path) for path in STAGES[stage]["deps"] if path.endswith(".py")}
    assert declared == imported_files(Path("stages") / f"{stage}.py")


def test_a_stage_declares_the_parameters_that_it_uses_and_no_others(stage):
    used = used_parameters(Path("stages") / f"{stage}.py")
    unknown = {name for name in used if not expand({name})}
    assert not unknown
    assert expand(set(STAGES[stage]["params"])) == expand(used)


def test_every_parameter_is_used_by_some_stage():
    declared = expand({name for stage in STAGES.values() for name in stage["params"]})
    assert declared == ALL_PARAMETERS


def test_every_declared_parameter_is_read_somewhere_in_the_code_of_its_stage(stage):
    """Also where a section is handed on whole."""
    read = {
        node.attr
        for path in imported_files(Path("stages") / f"{stage}.py")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Attribute)
    }
    for name in expand(set(STAGES[stage]["params"])):
        assert name.split(".")[-1] in read, name


def test_every_path_of_a_stage_module_is_declared(stage):
    """The paths are constants at the top of the module; any other would be a hidden input."""
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text())
    paths = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Path"
        and isinstance(node.args[0], ast.Constant)
    }
    declared = {"params.yaml", *STAGES[stage]["deps"], *outputs(stage)}
    outside = {
        path
        for path in paths - BESIDE
        if not any(f"{path}/".startswith(f"{k}/") or k.startswith(f"{path}/") for k in declared)
    }
    assert not outside


def outputs(stage: str) -> dict[str, bool]:
    """Each output of a stage, and whether DVC caches it (else git keeps it)."""
    found = {}
    kinds = (STAGES[stage].get(kind, []) for kind in ("outs", "metrics", "plots"))
    for item in chain.from_iterable(kinds):
        if isinstance(item, str):
            found[item] = True
        else:
            ((path, options),) = item.items()
            found[path] = options["cache"]
    return found


def test_metrics_and_the_tables_behind_plots_live_in_git(stage):
    for path, cached in outputs(stage).items():
        is_table = path.startswith(("metrics/", "plots/")) and not path.endswith(".png")
        assert not (is_table and cached), path


def test_dvc_may_take_every_stage_from_its_run_cache(stage):
    """It passes over stages with an output that it doesn't cache, but for metrics and plots."""
    assert not [item for item in STAGES[stage].get("outs", []) if not isinstance(item, str)]


def test_every_plot_is_an_output_of_a_stage():
    all_outputs = {path for stage in STAGES for path in outputs(stage)}
    for plot in DVC_YAML["plots"]:
        files = [plot] if isinstance(plot, str) else list(next(iter(plot.values()))["y"])
        for file in files:
            assert file in all_outputs or str(Path(file).parent) in all_outputs, file


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_stages_pass_nothing_but_files(module):
    """A stage imports no other stage, and vision imports no stage."""
    others = {path for path in imported_files(module) if path.parts[0] == "stages"}
    assert others <= {module, Path("stages/__init__.py")}


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] == "vision"], ids=str)
def test_vision_knows_nothing_of_dvc_nor_of_the_folders(module):
    text = (ROOT / module).read_text()
    tree = ast.parse(text)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    literals = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]
    for literal in literals:
        assert not re.search(r"\b(data|models|metrics|plots)/", literal), literal
    assert not any(
        isinstance(node, ast.Import | ast.ImportFrom) and "dvc" in ast.unparse(node).split()
        for node in ast.walk(tree)
    )
