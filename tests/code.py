"""Reads the project's own code: what a module imports, which parameters a stage uses."""

import ast
import json
from functools import cache
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def tree_of(module: Path) -> ast.Module:
    """Parse a module, by its path in the project."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


@cache
def imported_files(module: Path) -> frozenset[Path]:
    """Files of this project that a module runs when it is imported, itself included.

    Empty files (an `__init__.py` that only marks a package) run nothing and don't count.
    """
    found: set[Path] = set()
    waiting = _files_of(".".join(module.with_suffix("").parts))
    while waiting:
        path = waiting.pop()
        if path not in found and tree_of(path).body:
            found.add(path)
            waiting += _imported_by(path)
    return frozenset(found)


@cache
def _imported_by(module: Path) -> list[Path]:
    found = []
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports are not followed"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found += [file for name in names for file in _files_of(name)]
    return found


def _files_of(name: str) -> list[Path]:
    parts = name.split(".")
    if not (ROOT / parts[0]).is_dir():
        return []
    packages = [Path(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    modules = [Path(*parts).with_suffix(".py")]
    return [path for path in packages + modules if (ROOT / path).is_file()]


def instances(stages: dict[str, dict], params: dict | None = None) -> dict[str, dict]:
    """Give the stages of a dvc.yaml, one with a matrix or a foreach as one for each of its items.

    An axis may be a list, and a foreach is a dictionary, in the parameters beside the dvc.yaml:
    `${section.key}`.
    """
    found = {}
    for name, stage in stages.items():
        if "foreach" in stage:
            for key in _listed(stage["foreach"], params or {}):
                text = json.dumps(stage["do"]).replace("${key}", key)
                found[f"{name}@{key}"] = json.loads(text)
            continue
        matrix = {
            axis: _listed(values, params or {}) for axis, values in stage.get("matrix", {}).items()
        }
        for values in product(*matrix.values()):
            text = json.dumps({key: part for key, part in stage.items() if key != "matrix"})
            for axis, value in zip(matrix, values, strict=True):
                text = text.replace(f"${{item.{axis}}}", value)
            found["@".join([name, "-".join(values)] if values else [name])] = json.loads(text)
    return found


def _listed(values: list[str] | str, params: dict) -> list[str]:
    if isinstance(values, list):
        return values
    found = params
    for key in values.removeprefix("${").removesuffix("}").split("."):
        found = found[key]
    return [str(value) for value in found]


def used_parameters(module: Path, beginning: str = "params") -> set[str]:
    """Parameters and sections that a stage reads: the attributes of the name `params`.

    Of `params.finetune.epochs` only the whole counts; a section handed on whole, as in
    `f(params.finetune)`, counts as that section.
    """
    attributes = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Attribute)]
    beginnings = {id(node.value) for node in attributes}
    return {
        chain
        for node in attributes
        if id(node) not in beginnings and (chain := _chain(node, beginning))
    }


def handed_whole(module: Path, name: str = "params") -> list[str]:
    """Return what a module does with all parameters at once, but for asking for some by name.

    To hand them to a function of its own, which calls them the same, is fine: what that reads
    counts as read by the module.
    """
    tree = tree_of(module)
    own = {
        node.name: [argument.arg for argument in node.args.args]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    fine = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            fine.add(id(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = zip(node.args, own.get(node.func.id, []), strict=False)
            fine |= {id(given) for given, argument in called if argument == name}
    return [
        f"{module}:{node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        if node.id == name and id(node) not in fine
    ]


def _chain(node: ast.AST, beginning: str) -> str | None:
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id == beginning:
        return ".".join(reversed(names))
    return None
