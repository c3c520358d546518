"""Each dvc.yaml against the code: what a stage declares is what it uses, no more and no less."""

import ast
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from baselines.params import Params as BaselineParams
from studies.params import Params as StudyParams
from tests.code import (
    ROOT,
    handed_whole,
    imported_files,
    instances,
    tree_of,
    used_parameters,
)
from vision.params import Params

DVC_YAML = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = DVC_YAML["stages"]
BASELINES_YAML = YAML(typ="safe").load(ROOT / "baselines/dvc.yaml")
BASELINES = instances(BASELINES_YAML["stages"])
STUDIES_YAML = YAML(typ="safe").load(ROOT / "studies/dvc.yaml")
STUDIES_PARAMS = YAML(typ="safe").load(ROOT / "studies/params.yaml")
STUDIES = instances(STUDIES_YAML["stages"], STUDIES_PARAMS)


def modules(*folders: str) -> list[Path]:
    return sorted(path.relative_to(ROOT) for top in folders for path in (ROOT / top).rglob("*.py"))


MODULES = modules("stages", "vision")
# The schema of params.yaml changes no value (tests/vision/test_params.py), and DVC tracks the
# values themselves: where a stage's are others, it runs anew. Nor does the table by which it knows
# the networks' names; what builds them stands beside that table, in a room that is declared.
EXEMPT = {Path("vision/params.py"), Path("vision/networks/architectures.py")}


def leaves(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Names of all parameters, as dvc writes them: `finetune.epochs`."""
    names = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= leaves(field.annotation, f"{prefix}{field.alias or name}.")
        else:
            names.add(prefix + name)
    return names


ALL_PARAMETERS = leaves(Params)
BASELINE_PARAMETERS = leaves(BaselineParams)
# Those of the main pipeline as they are, their own with the file before them, as dvc writes them.
STUDIES_FILE = "studies/params.yaml"
STUDY_PARAMETERS = leaves(StudyParams, f"{STUDIES_FILE}:")

# What stages write beside their outputs, and no result depends on: where they ran, and what is only
# there while they run.
BESIDE = {"metrics/environment.json", "data/.activations.partial"}


def expand(names: set[str], known: set[str]) -> set[str]:
    """Replace each section by its parameters."""
    return {leaf for leaf in known for name in names if leaf == name or leaf.startswith(f"{name}.")}


@dataclass(frozen=True)
class Stage:
    """A stage of one of the pipelines, one of each item where it has a matrix.

    Attributes
    ----------
    content : what stands in dvc.yaml.
    folder : of its module, which is named as the stage is.
    known : all parameters that it might use.
    params_file : where those stand that have no file before them.
    """

    name: str
    content: dict
    folder: str
    known: frozenset[str]
    params_file: str = "params.yaml"

    @property
    def module(self) -> Path:
        return Path(self.folder, f"{self.name.partition('@')[0]}.py")

    @property
    def declared(self) -> set[str]:
        names = set()
        for item in self.content.get("params", []):
            for file, of_file in (
                {"params.yaml": [item]} if isinstance(item, str) else item
            ).items():
                prefix = "" if file == self.params_file else f"{file}:"
                # Of a section of variants, a stage has the one that it is named after.
                own = f".{self.name.partition('@')[2]}"
                names |= {prefix + name.removesuffix(own) for name in of_file}
        return names

    @property
    def used(self) -> set[str]:
        used = used_parameters(self.module)
        used |= {f"{STUDIES_FILE}:{name}" for name in used_parameters(self.module, "study")}
        if "network" not in used:
            return used
        # The stage has a network and a form to train, whose names the command gives.
        network, form = self.content["cmd"].split()[-2:]
        of_network = {f"{network}.{part}" for part in used_parameters(self.module, "network")}
        # `fit` takes the form whole.
        return used - {"network"} | of_network | {f"{network}.{form}"}

    @property
    def params_files(self) -> set[str]:
        return {self.params_file, *(name.partition(":")[0] for name in self.known if ":" in name)}


MAIN_STAGES = [
    Stage(name, content, "stages", frozenset(ALL_PARAMETERS)) for name, content in STAGES.items()
]
BASELINE_STAGES = [
    Stage(name, content, "baselines", frozenset(BASELINE_PARAMETERS), "baselines/params.yaml")
    for name, content in BASELINES.items()
]
STUDY_STAGES = [
    Stage(name, content, "studies", frozenset(ALL_PARAMETERS | STUDY_PARAMETERS))
    for name, content in STUDIES.items()
]
ALL_STAGES = MAIN_STAGES + BASELINE_STAGES + STUDY_STAGES


@pytest.fixture(params=ALL_STAGES, ids=lambda stage: f"{stage.folder}-{stage.name}")
def stage(request):
    return request.param


def test_every_stage_module_is_a_stage():
    found = {path.stem for path in (ROOT / "stages").glob("[!_]*.py")}
    assert found == set(STAGES)
    for folder, content in (("baselines", BASELINES_YAML), ("studies", STUDIES_YAML)):
        programs = [path for path in modules(folder) if "__main__" in (ROOT / path).read_text()]
        assert {path.stem for path in programs} == set(content["stages"])


def test_a_stage_runs_the_module_of_its_name_in_the_root(stage):
    name, _, item = stage.name.partition("@")
    # A network and a form, or nothing and what the item is called.
    words = item.rpartition("-")[::2] if stage.folder == "baselines" else ("", item)
    assert stage.content["cmd"].split() == [
        *("python", "-m", f"{stage.folder}.{name}"),
        *(word for word in words if word),
    ]
    assert stage.content.get("wdir", ".") == ("." if stage.folder == "stages" else "..")


def is_code(path: str) -> bool:
    return path.endswith(".py") or (ROOT / path / "__init__.py").is_file()


def only_marks_a_room(path: Path) -> bool:
    """Check whether a file has nothing but words on what the modules beside it are for."""
    content = tree_of(path).body
    return path.name == "__init__.py" and all(isinstance(node, ast.Expr) for node in content)


def test_a_stage_depends_on_all_code_that_it_imports_and_on_no_other(stage):
    """Of a room of which it uses some modules, on all of them: lists would be long."""
    used = imported_files(stage.module) - EXEMPT
    declared = [path for path in stage.content["deps"] if is_code(path)]
    for file in used:
        assert only_marks_a_room(file) or any(map(file.is_relative_to, declared)), file
    for path in declared:
        within = {file for file in used if file.is_relative_to(path)}
        assert within, path
        assert not all(map(only_marks_a_room, within)) or path.endswith(".py"), path


def test_a_stage_declares_the_parameters_that_it_uses_and_no_others(stage):
    assert not {name for name in stage.used if not expand({name}, stage.known)}
    assert expand(stage.declared, stage.known) == expand(stage.used, stage.known)
    # What others read of parameters that it hands them whole would be missed.
    assert handed_whole(stage.module, "params") == handed_whole(stage.module, "study") == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("own(1, params)", False),
        ("loop.fit(params.finetune)", False),
        ("loop.fit(params)", True),
        ("loop.fit(all_of_it=params)", True),
        ("own(params)", True),  # which calls it otherwise
        ("others = params", True),
    ],
)
def test_parameters_that_are_handed_on_whole_are_seen(tmp_path, line, found):
    module = tmp_path / "stage.py"
    module.write_text(f"def own(one, params): ...\n{line}\n")
    assert bool(handed_whole(module)) == found


@pytest.mark.parametrize(
    ("stages", "known"),
    [
        (MAIN_STAGES, ALL_PARAMETERS),
        (BASELINE_STAGES, BASELINE_PARAMETERS),
        (STUDY_STAGES, STUDY_PARAMETERS),
    ],
    ids=["main", "baselines", "studies"],
)
def test_every_parameter_is_used_by_some_stage(stages, known):
    declared = {name for stage in stages for name in stage.declared}
    assert expand(declared, known) == known


def test_every_declared_parameter_is_read_somewhere_in_the_code_of_its_stage(stage):
    """Also where a section is handed on whole."""
    read = {
        node.attr
        for path in imported_files(stage.module)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
    }
    for name in expand(stage.declared, stage.known):
        assert re.split("[.:]", name)[-1] in read, name


def test_every_path_of_a_stage_module_is_declared(stage):
    """The paths are constants at the top of the module; any other would be a hidden input."""
    paths = {
        node.args[0].value
        for node in ast.walk(tree_of(stage.module))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "Path"
        and isinstance(node.args[0], ast.Constant)
    }
    declared = {*stage.params_files, *stage.content["deps"], *outputs(stage.content)}
    for path in paths - BESIDE:
        assert any(f"{path}/".startswith(f"{k}/") or k.startswith(f"{path}/") for k in declared)


def outputs(stage: dict) -> dict[str, bool]:
    """Each output of a stage, and whether DVC caches it (else git keeps it)."""
    found = {}
    kinds = (stage.get(kind, []) for kind in ("outs", "metrics", "plots"))
    for item in chain.from_iterable(kinds):
        if isinstance(item, str):
            found[item] = True
        else:
            ((path, options),) = item.items()
            found[path] = options["cache"]
    return found


def test_metrics_and_the_tables_behind_plots_live_in_git(stage):
    for path, cached in outputs(stage.content).items():
        is_table = path.startswith(("metrics/", "plots/")) and Path(path).suffix not in ("", ".png")
        assert not (is_table and cached), path


@pytest.mark.parametrize("stage", MAIN_STAGES, ids=lambda stage: stage.name)
def test_dvc_may_take_every_stage_of_the_main_pipeline_from_its_run_cache(stage):
    """It passes over stages with an output that it doesn't cache, but for metrics and plots."""
    assert not [item for item in stage.content.get("outs", []) if not isinstance(item, str)]


@pytest.mark.parametrize("stage", BASELINE_STAGES + STUDY_STAGES, ids=lambda stage: stage.name)
def test_nothing_is_missed_where_only_the_main_pipeline_ran(stage):
    """`dvc checkout` and `dvc pull` would miss what DVC caches; `show`, what git doesn't have."""
    assert not any(outputs(stage.content).values())
    shown = [item for kind in ("metrics", "plots") for item in stage.content.get(kind, [])]
    assert not [path for item in shown for path in item if not (ROOT / path).is_file()]


@pytest.mark.parametrize(
    ("content", "stages"),
    [(DVC_YAML, STAGES), (BASELINES_YAML, BASELINES)],
    ids=["main", "baselines"],
)
def test_every_plot_is_an_output_of_a_stage(content, stages):
    all_outputs = {path for stage in stages.values() for path in outputs(stage)}
    for plot in content["plots"]:
        files = [plot] if isinstance(plot, str) else list(next(iter(plot.values()))["y"])
        for file in files:
            path = file.removeprefix("../")  # the stages run in the root
            assert path in all_outputs or str(Path(path).parent) in all_outputs, file


def test_the_artifacts_are_models_that_a_stage_writes():
    written = {path for stage in MAIN_STAGES for path in outputs(stage.content)}
    artifacts = DVC_YAML["artifacts"].values()
    assert {each["type"] for each in artifacts} == {"model"}
    assert {each["path"] for each in artifacts} <= written


def test_stages_pass_nothing_but_files():
    """A stage imports no other stage; what folders may import, tests/test_rooms.py tells."""
    programs = {stage.module for stage in ALL_STAGES}
    for module in modules("stages", "vision", "serving", "baselines", "studies"):
        assert imported_files(module) & programs <= {module}


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] == "vision"], ids=str)
def test_vision_knows_nothing_of_dvc_nor_of_the_folders(module):
    tree = tree_of(module)
    docs = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in set(ast.walk(tree)) - docs:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "dvc" not in ast.unparse(node).split()
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not re.search(r"\b(data|models|metrics|plots)/", node.value), node.value
