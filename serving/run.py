"""The last run in this folder: its parameters and outputs, and what was changed since."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from serving.revision import dvc_may_start
from vision.params import Params
from vision.runtime.errors import UserError
from vision.runtime.files import refuse_unfinished_merge

LOCK = Path("dvc.lock")
# What DVC says of files that `dvc checkout` or `dvc pull` would bring: they are missing, not other.
_MISSING = {"deleted", "not in cache"}


@dataclass(frozen=True)
class Run:
    """A run of the pipeline, as dvc.lock records it.

    Attributes
    ----------
    parameters : those that its stages used, by their full names: `finetune.epochs`.
    outputs : the MD5 digest of each output by its path; folders' end in .dir.
    """

    parameters: dict[str, object]
    outputs: dict[str, str]

    def params(self, now: Params) -> Params:
        """Return the parameters of the run; those that no stage used are as they are now."""
        used = self.parameters
        content = now.model_dump()
        for section, values in content.items():
            if isinstance(values, dict):
                content[section] = {
                    name: used.get(f"{section}.{name}", value) for name, value in values.items()
                }
            else:
                content[section] = used.get(section, values)
        return Params.model_validate(content)


def changed_since_run() -> list[str]:
    """Return the paths and parameters that are no longer those of the last run, sorted.

    They are what `dvc status` finds: code, data, parameters, outputs, and commands of dvc.yaml. A
    file that is missing was not changed.

    Raises
    ------
    UserError
        DVC can't tell, as in the midst of a run.
    """
    with dvc_may_start():
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    try:
        with Repo() as repo:
            stages = repo.status(["dvc.yaml"])
    except DvcException as error:
        raise UserError(f"dvc can't tell whether the run is finished: {error}") from None
    found: set[str] = set()
    for stage, changed in stages.items():
        for change in changed:
            if isinstance(change, str):
                found.add(f"dvc.yaml: {stage}")  # its command is another one
                continue
            for path, state in next(iter(change.values())).items():
                if isinstance(state, dict):
                    found |= state.keys()  # parameters
                elif state not in _MISSING:
                    found.add(path)
    return sorted(found)


def read_run(lock: Path = LOCK) -> Run:
    """Read what the last run in this folder recorded.

    Raises
    ------
    UserError
        There is no dvc.lock, or it is damaged, or in the midst of a merge.
    """
    try:
        return parse(lock.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        raise UserError(f"{lock} is missing; run `dvc repro`") from None


def parse(lock: str) -> Run:
    """Parse the content of a dvc.lock."""
    refuse_unfinished_merge(LOCK, lock)
    try:
        stages = YAML(typ="safe", pure=True).load(lock)["stages"].values()
        return Run(
            {
                name: value
                for stage in stages
                for content in stage.get("params", {}).values()
                for name, value in flat(content)
            },
            {
                out["path"]: out["md5"]
                for stage in stages
                for out in stage.get("outs", [])
                if "md5" in out
            },
        )
    except (YAMLError, TypeError, KeyError, AttributeError):
        raise UserError(f"{LOCK} can't be read; restore it with `git checkout {LOCK}`") from None


def flat(content: dict, before: str = "") -> Iterator[tuple[str, object]]:
    """Yield parameters by their full names, as `finetune.epochs`."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        else:
            yield before + name, value
