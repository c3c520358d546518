"""What dvc.lock tells of a run: the parameters that its stages used, and what they wrote."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vision import pictures
from vision.params import Params
from vision.runtime.errors import UserError
from vision.runtime.files import refuse_unfinished_merge

LOCK = Path("dvc.lock")


@dataclass(frozen=True)
class Run:
    """A run of the pipeline.

    Attributes
    ----------
    of_stages : the parameters that each stage used, as `finetune.epochs`.
    inputs : of each stage, the MD5 digest of what it read, by its path; folders' end in .dir.
    outputs : the digest of what the stages wrote, by its path.
    """

    of_stages: dict[str, dict[str, object]]
    inputs: dict[str, dict[str, str]]
    outputs: dict[str, str]

    @property
    def parameters(self) -> dict[str, object]:
        """All that were used, as `finetune.epochs`."""
        return {name: value for used in self.of_stages.values() for name, value in used.items()}

    def params(self, now: Params) -> Params:
        """Give the parameters of the run; those that no stage used are as they are now."""
        used = self.parameters
        content = now.model_dump()
        for section, own in content.items():
            if isinstance(own, dict):
                content[section] = {
                    name: used.get(f"{section}.{name}", value) for name, value in own.items()
                }
            else:
                content[section] = used.get(section, own)
        return Params.model_validate(content)

    def changed(self, now: Params) -> list[str]:
        """Name the parameters that some stage used with another value than they have now."""
        values = dict(flat(now.model_dump()))
        different = {
            name
            for used in self.of_stages.values()
            for name, value in used.items()
            if name in values and values[name] != value
        }
        return sorted(different)

    def unfinished(self) -> list[str]:
        """Name the stages that read something else than what the one before them wrote last."""
        return [
            stage
            for stage, read in self.inputs.items()
            if any(self.outputs.get(path, digest) != digest for path, digest in read.items())
        ]

    def doubts(self, now: Params, files: Iterable[Path]) -> list[str]:
        """Tell by what the files here are not one finished run; of one that is, there is nothing.

        Parameters
        ----------
        now : what params.yaml has.
        files : what is used of that which the run wrote.
        """
        found = []
        if changed := self.changed(now):
            found.append(f"params.yaml was changed since the run: {', '.join(changed)}")
        if unfinished := self.unfinished():
            found.append(f"what these stages read was made anew since: {', '.join(unfinished)}")
        found += [
            f"{file} is not what {LOCK} says that the last run wrote" for file in self.others(files)
        ]
        return found

    def others(self, files: Iterable[Path]) -> list[Path]:
        """Name the files that are not what the run wrote; one that is missing is none of it."""
        return [
            file
            for file in files
            if not file.is_file() or pictures.digest(file) != self.outputs.get(file.as_posix())
        ]


def read_run(lock: Path = LOCK) -> Run:
    """Read what the last run in this folder noted.

    Raises
    ------
    UserError
        There is no dvc.lock, or it is none, or in the midst of a merge.
    """
    try:
        return parse(lock.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        raise UserError(f"{lock} is missing; run `dvc repro`") from None


def parse(lock: str) -> Run:
    """Read the content of a dvc.lock."""
    refuse_unfinished_merge(LOCK, lock)
    try:
        return _run(YAML(typ="safe", pure=True).load(lock)["stages"])
    except (YAMLError, TypeError, KeyError, AttributeError):
        raise UserError(f"{LOCK} can't be read; restore it with `git checkout {LOCK}`") from None


def _run(stages: dict) -> Run:
    return Run(
        {
            name: {
                name: value
                for content in stage.get("params", {}).values()
                for name, value in flat(content)
            }
            for name, stage in stages.items()
        },
        {name: _digests(stage, "deps") for name, stage in stages.items()},
        {path: md5 for stage in stages.values() for path, md5 in _digests(stage, "outs").items()},
    )


def flat(content: dict, before: str = "") -> Iterator[tuple[str, object]]:
    """Give parameters by their full names, as `finetune.epochs`."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _digests(stage: dict, kind: str) -> dict[str, str]:
    return {item["path"]: item["md5"] for item in stage.get(kind, []) if "md5" in item}
