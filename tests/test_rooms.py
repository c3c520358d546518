"""The plan of the house: what each room of the code may know of the others."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

from tests.code import ROOT, tree_of

# Each room of vision/ with those that it may import; what is not a room is a file at the top.
ROOMS = {
    "runtime": set(),
    "params": {"runtime", "networks"},
    "pictures": {"runtime"},
    "augmentation": {"params"},
    "sources": {"runtime"},
    "selection": {"runtime", "pictures"},
    "figures": {"runtime"},
    "audit": {"pictures", "selection", "figures"},
    "networks": {"runtime", "params"},
    "models": {"runtime"},
    "features": {"runtime", "params", "pictures", "augmentation", "models"},
    "training": {
        *("runtime", "params", "pictures", "augmentation", "networks", "models", "features")
    },
    "evaluation": {"runtime", "networks", "models", "features"},
}
# The same for what uses vision/: the product, its pipelines, and what stands beside it.
FOLDERS = {
    "vision": set(),
    "stages": {"vision"},
    "serving": {"vision"},
    "baselines": {"vision", "stages"},
    "studies": {"vision", "stages"},
    "tools": {"vision", "stages", "serving", "baselines", "studies"},
    "few": {"vision", "serving", "tools"},
    "benchmarks": {"vision", "tools"},
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
}


def imports(module: str) -> Iterator[str]:
    """Give the project's modules that a module imports, at its top or within a function."""
    for node in ast.walk(tree_of(MODULES[module])):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [
                full if (full := f"{node.module}.{alias.name}") in MODULES else node.module
                for alias in node.names
            ]
        else:
            continue
        yield from (name for name in names if name in MODULES)


def room(module: str) -> str | None:
    """Return the room of vision/ that a module is in; None for vision/__init__.py."""
    return ([*module.split("."), None])[1]


def test_every_room_of_the_house_is_on_the_plan():
    assert {room(name) for name in MODULES if name.partition(".")[0] == "vision"} - {None} == set(
        ROOMS
    )


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_knows_what_its_room_may_know_and_no_more(module):
    folder = module.partition(".")[0]
    for name in imports(module):
        other = name.partition(".")[0]
        assert other in FOLDERS[folder] | {folder}, f"{module} imports {name}"
        if folder == other == "vision" and room(module) and room(name):
            assert room(name) in ROOMS[room(module)] | {room(module)}, f"{module} imports {name}"


def test_every_arrow_of_the_plan_is_used():
    arrows = {(room(m), room(n)) for m in MODULES if m.startswith("vision.") for n in imports(m)}
    for own, others in ROOMS.items():
        for other in others:
            assert (own, other) in arrows, f"{own} does not use {other}"


def test_no_module_imports_itself_by_way_of_others():
    graph = {module: set(imports(module)) - {module} for module in MODULES}
    TopologicalSorter(graph).prepare()  # raises where there is a circle


def test_a_stage_starts_no_program_of_another_room():
    """As what mends half-written locks: the name in a command is an import that nobody sees."""
    for path in (ROOT / "stages").rglob("*.py"):
        commands = [
            [item.value for item in node.elts if isinstance(item, ast.Constant)]
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.List)
        ]
        for command in commands:
            if "-m" in command:
                assert command[command.index("-m") + 1].startswith("stages.")
