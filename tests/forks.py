"""Starts `dvc` and the stages as forks of processes that have imported already what takes long.

DVC's imports take half a second and TensorFlow's more than four, which most tests of whole runs
would spend again and again. Here a server imports them once, and forks for each program that is
asked for; a `dvc` and a `python` that ask are in the folder that `programs` gives. What runs is the
module that the real program runs, with the code of the project, in a process, a folder and an
environment of its own. Tests of interruptions start the real programs, and hold the results of
both to the same bytes.
"""

import gc
import importlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.code import ROOT

# By the name of a server: what it imports, with all that this imports. Of DVC, its commands import
# these when they are called.
IMPORTS = {
    "dvc": [
        "dvc.cli.parser",
        "dvc.data_cloud",
        "dvc.dependency.param",
        "dvc.dvcfile",
        "dvc.ignore",
        "dvc.render.convert",
        "dvc.render.match",
        "dvc.repo.experiments.queue.celery",
        "dvc.stage.cache",
        "dvc.ui.table",
        "dvc.utils.plots",
        "dvc_http",
        "pygit2",
        "ruamel.yaml",
        "scmrepo.git",
    ],
    "stages": [
        "vision.params",  # sets what must be set before TensorFlow is imported
        "keras",
        "ai_edge_litert.interpreter",
        "cv2",
        "matplotlib.figure",
        "pandas",
        "platformdirs",
        "scipy.sparse.csgraph",
        "sklearn.linear_model",
        "sklearn.model_selection",
        "tensorflow.python.framework.convert_to_constants",
    ],
}
SERVE = (
    "import runpy; from tests import forks; runpy.run_module(forks.serve(), {}, '__main__', True)"
)
# Asks a server to run a module in its place. Where it may be another program, it becomes that.
ASK = """#!{python} -IS
import json, os, socket, sys
module = {module}
if not module:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    request = json.dumps([module, os.getcwd(), dict(os.environ)])
    socket.send_fds(server, [request.encode()], [0, 1, 2])
    status = int(server.recv(16))
sys.exit(status if status >= 0 else 128 - status)
"""
# The module and its arguments, or an empty list.
ASKED = {
    "dvc": ("dvc", "['dvc', *sys.argv[1:]]"),
    "python": (
        "stages",
        "sys.argv[2:] if sys.argv[1:2] == ['-m'] and sys.argv[2].startswith(("
        "'stages.', 'baselines.', 'studies.', 'few')) else []",
    ),
}


@cache
def programs() -> Path:
    """Give the folder of a `dvc` and a `python` that ask; the servers start with the first call."""
    folder = tempfile.TemporaryDirectory(prefix="forks-")
    for name in IMPORTS:
        # It ends when its stdin does, with this process. Its name is among its arguments, so that
        # what looks for a process of dvc finds one.
        _SERVERS.append(
            subprocess.Popen(
                [sys.executable, "-c", SERVE, f"{folder.name}/{name}.socket", name],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        _SERVERS[-1].stdout.readline()  # it listens
    for name, (server, module) in ASKED.items():
        program = Path(folder.name, name)
        address = f"{folder.name}/{server}.socket"
        program.write_text(ASK.format(python=sys.executable, module=module, address=address))
        program.chmod(0o755)
    _SERVERS.append(folder)  # removed at the end
    return Path(folder.name)


_SERVERS = []


def serve() -> str:
    """Wait for requests, and fork for each. Gives the module to run, in a process that is to."""
    address, name = sys.argv[1:]
    imported = False
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen()
        print("listening", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                sys.exit()
            connection, _ = listener.accept()
            if not imported:  # not sooner, since all tests may do without
                _import(IMPORTS[name])
                imported = True
            if os.fork() == 0:
                listener.close()
                return _answer(connection)
            connection.close()
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _import(modules: list[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    # A project has code of its own.
    for module in [name for name in sys.modules if name.partition(".")[0] == "vision"]:
        del sys.modules[module]
    gc.collect()
    gc.freeze()  # else each fork goes through all of that, and copies it, when it ends: a second


def _answer(connection: socket.socket) -> str:
    """Give the module to run in a fork, and tell the one who asks how that ended."""
    request, streams, *_ = socket.recv_fds(connection, 2**20, 3)
    (module, *arguments), folder, environment = json.loads(request)
    if running := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(running, 0)[1])
        connection.send(str(status).encode())
        os._exit(0)
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # Behind the folder itself, which is there as "".
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv[1:] = arguments
    return module
