"""Weights and models are not code: nothing in the project reads a file that could run any."""

import ast

import pytest

from tests.code import ROOT, tree_of

FOLDERS = ("vision", "stages", "serving", "baselines", "studies", "tools", "few", "benchmarks")
MODULES = sorted(
    path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
)
# Of the modules that read files as code, what is allowed where. The unpickler of torch_pickle
# admits tensors only (tests/vision/networks/test_efficientnet_lite.py).
ALLOWED = {
    "vision/networks/torch_pickle.py": {"pickle.Unpickler", "pickle.UnpicklingError"},
    "vision/networks/efficientnet_lite.py": {"pickle.UnpicklingError"},
}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "torch"}


def calls(module, name):
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_reads_pickles_of_anything(module):
    allowed = ALLOWED.get(module.as_posix(), set())
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.module.partition(".")[0] not in UNSAFE
        elif isinstance(node, ast.Import) and not allowed:
            assert not {alias.name.partition(".")[0] for alias in node.names} & UNSAFE
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in UNSAFE:
            assert ast.unparse(node) in allowed
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_models_are_opened_in_one_place_and_in_safe_mode(module):
    loads = [ast.unparse(call) for call in calls(module, "load_model")]
    in_models = ["keras.models.load_model(path, safe_mode=True)"]
    assert loads == (in_models if module.as_posix() == "vision/models/saving.py" else [])
    assert not list(calls(module, "enable_unsafe_deserialization"))
