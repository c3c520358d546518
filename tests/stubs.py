"""A pipeline of one stage that does no work, for what runs the real dvc over and over."""

from pathlib import Path

from ruamel.yaml import YAML

from tests.code import ROOT
from tests.pipeline.conftest import Project

# In 30 pictures the head gets 3 wrong, the fine-tuned model as many as `lr` has of 1e-5. Metrics
# and a curve follow from the seed. Beside the project it notes the seeds that it ran with.
STUB = r"""
import json
from pathlib import Path
from ruamel.yaml import YAML

params = YAML(typ="safe", pure=True).load(Path("params.yaml"))
with Path("../seeds_run.txt").open("a") as file:
    print(params["seed"], file=file)
if not params["lr"]:
    raise SystemExit("error: lr is 0")
wrong = {"head": 3, "finetuned": round(params["lr"] * 1e5)}
rows = ["file,label,md5," + ",".join(f"{model}_{label}" for model in wrong for label in "ab")]
for number in range(30):
    label = "ab"[number % 2]
    cells = [f"{label}/{number}.jpg", label, f"digest{number}"]
    for count in wrong.values():
        cells += ["0.9", "0.1"] if (label == "a") == (number >= count) else ["0.1", "0.9"]
    rows.append(",".join(cells))
share = params["seed"] % 100 / 100
metrics = {
    "pictures": 30,
    "baseline": {"class": "ab"[params["seed"] % 2], "accuracy": share / 2},
    "head": {"accuracy": share, "loss": 1 - share},
    "finetuned": {"accuracy": share**2, "loss": 1 - share**2},
}
for folder in ("metrics", "plots"):
    Path(folder).mkdir(exist_ok=True)
Path("plots/finetune.csv").write_text(f"epoch,validation_loss\n1,1\n2,{1 - share}\n")
Path("metrics/evaluate.json").write_text(json.dumps(metrics))
Path("data/predictions.csv").write_text("\n".join(rows) + "\n")
"""

PIPELINE = {
    "stages": {
        "evaluate": {
            "cmd": "python stub.py",
            "deps": ["stub.py"],
            "params": ["seed", "lr"],
            "outs": ["data/predictions.csv"],
            "metrics": [{"metrics/evaluate.json": {"cache": False}}],
            "plots": [{"plots/finetune.csv": {"cache": False, "x": "epoch"}}],
        }
    }
}


class StubProject(Project):
    """A project whose only stage writes predictions and metrics that the parameters decide."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        (folder / "stub.py").write_text(STUB)
        YAML().dump(PIPELINE, folder / "dvc.yaml")
        self.set(lr=4.0e-4)

    def few(self, *arguments: str, check: bool = True):
        """Run `few` on the project."""
        return self.run(
            "python", "-m", "few", *arguments, check=check, env={"PYTHONPATH": str(ROOT)}
        )

    def seeds_run(self) -> list[int]:
        """Tell the seeds with which the stage ran, in order."""
        return [int(seed) for seed in (self.folder.parent / "seeds_run.txt").read_text().split()]
