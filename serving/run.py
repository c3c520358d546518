"""What a run wrote: that of this folder, with what was changed since, or that of a revision."""

import io
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

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
        There is no dvc.lock, or it or dvc.yaml is damaged, or in the midst of a merge.
    """
    pipeline, declared = lock.with_name("dvc.yaml"), None
    if pipeline.exists():
        try:
            declared = set(YAML(typ="safe", pure=True).load(pipeline)["stages"])
        except (YAMLError, TypeError, KeyError):
            raise UserError(
                f"{pipeline} can't be read; restore it with `git checkout {pipeline}`"
            ) from None
    try:
        return parse(lock.read_text(encoding="utf-8", errors="replace"), declared)
    except FileNotFoundError:
        raise UserError(f"{lock} is missing; run `dvc repro`") from None


def parse(lock: str, declared: Container[str] | None = None) -> Run:
    """Parse the content of a dvc.lock.

    Parameters
    ----------
    declared : the stages that there are, if not all: DVC leaves what it recorded of others there.
    """
    refuse_unfinished_merge(LOCK, lock)
    try:
        recorded = YAML(typ="safe", pure=True).load(lock)["stages"].items()
        stages = [stage for name, stage in recorded if declared is None or name in declared]
        return Run(
            {
                name: value
                for stage in stages
                for content in stage.get("params", {}).values()
                for name, value in flatten(content).items()
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


def flatten(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Name parameters as dvc does: `{"finetune": {"epochs": 1}}` has `finetune.epochs`."""
    flat: dict[str, object] = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping)
        flat |= flatten(value, f"{prefix}{name}.") if nested else {prefix + name: value}
    return flat


def read_table(table: Path | bytes) -> pd.DataFrame:
    """Read a table, from its file or its content. Names stay text, numbers become such."""
    text = dict.fromkeys(("file", "label", "md5"), str)
    source = io.BytesIO(table) if isinstance(table, bytes) else table
    return pd.read_csv(source, dtype=text, keep_default_na=False)


@contextmanager
def dvc_may_start() -> Iterator[None]:
    """Import DVC within this: it raises a UserError where DVC finds no home for its settings.

    Import it where it is needed, since that takes longer than all else.
    """
    try:
        yield
    except RuntimeError as error:
        raise UserError(f"dvc cannot start ({error}); set HOME to a folder of yours") from None


def read_revision(revision: str, path: Path) -> bytes:
    """Read a file that the run of a branch, a tag, a commit or an experiment wrote.

    DVC takes it from its cache, or from a remote.

    Raises
    ------
    UserError
        There is no such revision, or it has no such file that can be had.
    """
    with dvc_may_start():
        from dvc.api import read
        from dvc.exceptions import DvcException, PathMissingError
    try:
        return read(str(path), rev=revision, mode="rb")
    except (FileNotFoundError, PathMissingError):
        raise UserError(
            f"{revision} has no {path} here; `dvc pull` it, or run `dvc repro` there"
        ) from None
    except DvcException as error:
        raise UserError(
            f"{revision} is no branch, tag, commit or experiment that can be read ({error}); "
            "`dvc exp show` lists experiments"
        ) from None
