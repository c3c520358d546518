"""Checks that the pipeline gives the same bytes wherever it runs.

    python -m tools.verify

Two clones of this working tree run side by side on a small set, each from empty caches, in
folders, time zones, languages, users' homes and settings, hash seeds and file modes that differ,
with their files written in another order. Then every output is compared.
"""

import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ruamel.yaml import YAML

from tools.dvc_command import DVC, environment
from tools.experiment import flatten, set_params
from tools.ready import NO_REPOSITORY
from vision.runtime.errors import UserError
from vision.runtime.program import run
from vision.sources import sample

ROOT = Path(__file__).parents[1]
# As the default does, it trains one network of several, whatever the head gets wrong.
SMALL = {
    "download": {"source": "external"},
    "subset": {"train": 10, "validation": 5, "test": 5, "order": "shuffled"},
    "backbone": {"name": "efficientnet_lite0+efficientnet_lite1", "image_size": [96, 160]},
    "store": {"max_gb": 0},
    "train_head": {"epochs": 3},
    "finetune": {"epochs": 2, "unfreeze_from": "efficientnet_lite0/block7a", "least_wrong": 0},
}
PICTURES = 22
# What may differ between two users and must change nothing: umask, time zone, language, hash seed.
USERS = {
    "one": (0o022, "Pacific/Kiritimati", "C", "1"),
    "another folder": (0o077, "America/St_Johns", "C.UTF-8", "2"),
}
# Settings of the second user's own, which would change figures and numbers if they applied.
SETTINGS = {
    ".keras/keras.json": '{"floatx": "float16", "epsilon": 0.1, "backend": "tensorflow", '
    '"image_data_format": "channels_first"}',
    ".config/matplotlib/matplotlibrc": "font.size: 20\nsavefig.dpi: 50\nsavefig.facecolor: red\n",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clones = [Path(folder) / name for name in USERS]
        drawn = Path(folder) / "drawn"
        drawn.mkdir()
        sample.write_pictures(drawn, PICTURES)
        for clone in clones:
            make_clone(clone, drawn)
        print("running the pipeline in two clones, on a small set ...", flush=True)
        with ThreadPoolExecutor() as pool:
            list(pool.map(reproduce, clones))
        found = differences(*clones)
    if found:
        raise UserError(f"two clones gave different bytes in {', '.join(found)}")
    print("the same bytes: dvc.lock and every output")


def make_clone(clone: Path, drawn: Path) -> None:
    """Copy this working tree, and pictures of its own, in an order that the name decides."""
    copies = [(file, clone / file.relative_to(ROOT)) for file in working_tree() if file.is_file()]
    pictures = [file for file in sorted(drawn.rglob("*")) if file.is_file()]
    copies += [(file, clone / "data/external" / file.relative_to(drawn)) for file in pictures]
    random.Random(clone.name).shuffle(copies)
    for file, copy in copies:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    (clone / "dvc.lock").unlink(missing_ok=True)
    subprocess.run(["git", "init", "--quiet"], cwd=clone, check=True)
    set_params(clone / "params.yaml", flatten(SMALL))


def working_tree() -> list[Path]:
    """List what git tracks here, and what is new and not ignored.

    Raises
    ------
    UserError
        There is no git here.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise UserError(f"what to copy is what git lists, and {NO_REPOSITORY}") from None
    return [ROOT / name for name in os.fsdecode(listed.stdout).split("\0") if name]


def reproduce(clone: Path) -> None:
    """Run the pipeline in a clone as a user of its own, whose home is empty but for settings."""
    home = clone.with_name(f"home of {clone.name}")
    for name, content in SETTINGS.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        if clone.name != next(iter(USERS)):
            (home / name).write_text(content)
    umask, zone, language, hash_seed = USERS[clone.name]
    own = {
        "USER": clone.name,
        "TZ": zone,
        "LC_ALL": language,
        "PYTHONHASHSEED": hash_seed,
        "HOME": str(home),
        "DVC_SITE_CACHE_DIR": str(home / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc"),
    }
    finished = subprocess.run(
        [*DVC, "repro"],
        cwd=clone,
        env=environment() | own,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        sys.stderr.write(finished.stdout + finished.stderr)
        raise UserError("the pipeline failed in a clone; see above")


def differences(one: Path, another: Path) -> list[str]:
    """Return the outputs of two finished clones whose bytes differ, and dvc.lock where it does.

    DVC noted the digests of all outputs there. A lock file that it writes from nothing has the
    stages in the order in which they ran. Where neither of two needs the other, that differs from
    run to run, and doesn't count.
    """
    locks = [YAML(typ="safe").load(clone / "dvc.lock") for clone in (one, another)]
    digests = [
        {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
        for lock in locks
    ]
    found = {path for path, _ in digests[0].items() ^ digests[1].items()}
    return sorted(found | {"dvc.lock"}) if locks[0] != locks[1] else []


if __name__ == "__main__":
    run(main)
