"""Measures ways to classify on a panel of sets unlike each other, on the same splits of each.

    python -m benchmarks.panel FOLDER --sets trash --ways plain good --splits 5

results/panel.yaml has the sets and, besides the presets, the ways. What is measured already, in
metrics/panel/, is not measured again: stopped, it goes on where it was. The pipeline runs in a
clone of what is committed, with a store of its own, in which later splits and ways find what was
run before. So the seconds are those of a first run for the first split of the first way only, and
for each split of the plain one.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from ruamel.yaml import YAML

from benchmarks.project import PARAMS, ROOT, clone, unpacked
from benchmarks.side_by_side import PLAIN, ask
from benchmarks.whole import ALL, reproduce
from tools import preset
from tools.dvc_command import dvc
from tools.experiment import set_params
from vision import pictures
from vision.params import load_params
from vision.runtime.files import read_json, write_json
from vision.runtime.program import run

PANEL = ROOT / "results/panel.yaml"
MEASURED = ROOT / "metrics/panel"
SMALL = 32  # pixels of the shorter side of what is to be blurred


def main() -> None:
    panel = YAML(typ="safe", pure=True).load(PANEL)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="has the pictures", metavar="FOLDER")
    ways = panel["ways"] | {name: preset.read_preset(name) for name in preset.names()}
    for name, known in (("--sets", [*panel["sets"]]), ("--ways", [PLAIN, *ways])):
        parser.add_argument(name, nargs="+", choices=known, default=known)
    parser.add_argument("--splits", type=int, default=5, help="how many", metavar="N")
    options = parser.parse_args()
    for name in options.sets:
        with tempfile.TemporaryDirectory() as folder:
            measure(name, panel["sets"][name], ways, options, Path(folder))


def measure(
    name: str, described: Mapping, ways: Mapping, options: argparse.Namespace, folder: Path
) -> None:
    """Measure what is missing of a set.

    Parameters
    ----------
    described : the set, as in results/panel.yaml.
    ways : what each sets of params.yaml.
    """
    to = MEASURED / f"{name}.json"
    found = read_json(to) if to.exists() else {}
    first = load_params(ROOT / "params.yaml").seed
    seeds = range(first, first + options.splits)
    missing = [
        (way, seed) for seed in seeds for way in options.ways if str(seed) not in found.get(way, {})
    ]
    if not missing:
        print(f"{to.relative_to(ROOT)} has all of it")
        return
    project = clone(folder / "project", {})
    own = {f"subset.{split}": described[split] for split in pictures.SPLITS}
    own |= {"subset.order": "shuffled"}
    if "pictures" in described:
        own |= {"download.source": "external"}
        prepare(described, options.folder, project / "data/external", folder)
    for way, seed in missing:
        print(f"{name}: {way}, split {seed}", flush=True)
        # From the committed parameters on.
        subprocess.run(["git", "checkout", "--quiet", "params.yaml"], cwd=project, check=True)
        set_params(project / PARAMS, own | {"seed": seed} | ways.get(way, {}))
        result = run_plain(project, seed) if way == PLAIN else run_pipeline(project)
        found.setdefault(way, {})[str(seed)] = result
        write_json(found, to)
        print(json.dumps(result), flush=True)


def prepare(described: Mapping, source: Path, to: Path, folder: Path) -> None:
    """Write the pictures of a set into a folder for each class.

    Parameters
    ----------
    described : the set, as in results/panel.yaml.
    source : the folder of the pictures as they came.
    """
    name = described["pictures"]
    archive = source / f"{name}.zip"
    given = unpacked(archive, folder) if archive.exists() else source / name
    index = pictures.index(given)
    if "classes" in described:
        index = index[index["label"].isin(described["classes"])]
    if "each" in described:
        index = index.groupby("label").head(described["each"])
    altered = {"grey": grey, "blurred": blurred}.get(described.get("change"))
    for file in index["file"]:
        target = to / file
        target.parent.mkdir(exist_ok=True)
        if altered:
            altered(pictures.decode(given / file)).save(target.with_suffix(".png"))
        else:
            target.write_bytes((given / file).read_bytes())


def grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L")


def blurred(picture: Image.Image) -> Image.Image:
    """Shrink a picture, and enlarge it again."""
    scale = SMALL / min(picture.size)
    small = picture.resize([max(1, round(side * scale)) for side in picture.size])
    return small.resize(picture.size)


def run_pipeline(project: Path) -> dict[str, object]:
    """Run the pipeline; return the final model's accuracies, what was chosen, and the seconds."""
    seconds = reproduce(project)[ALL]
    tested, trained = (
        read_json(project / f"metrics/{name}.json") for name in ("evaluate", "finetune")
    )
    return {
        "test": tested["finetuned"]["accuracy"],
        "head_test": tested["head"]["accuracy"],
        "validation": trained["validation_accuracy"],
        "test_loss": tested["finetuned"]["loss"],
        "pictures": tested["pictures"],
        "seconds": round(seconds, 1),
        "fine_tuned": trained["best_epoch"] > 0,
    }


def run_plain(project: Path, seed: int) -> dict[str, float]:
    """Train the plain way on the pipeline's splits; return the same."""
    dvc("repro", "--quiet", "subset", folder=project)
    return ask("benchmarks.plain", str(project / "data/subset"), str(seed))


if __name__ == "__main__":
    run(main)
