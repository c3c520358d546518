"""Live training curves, updated after each epoch.

The curve so far stands in the table that dvc.yaml declares as a plot, so that `dvc plots show`
draws it at any time. DVCLive tells DVC's extension for VS Code that there is something new to show,
and sends the measures to DVC Studio where the user gave DVC a token for it; without one, nothing
leaves the machine. What it writes lies in dvclive/, which git ignores and no stage depends on.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from vision.runtime.files import write_csv

LIVE = Path("dvclive")


@contextmanager
def live_history(table: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Return the function to call after each epoch with the history of `loop.fit` so far.

    Outside of a run of DVC it only writes the table.
    """
    if "DVC_STAGE" not in os.environ:
        yield lambda history: write_csv(history, table)
        return

    # It imports the whole of DVC.
    from dvclive import Live
    from scmrepo.exceptions import SCMError

    try:
        # DVC itself keeps experiments, and dvc.yaml is ours.
        live = Live(str(LIVE / table.stem), save_dvc_exp=False, dvcyaml=None)
    except SCMError:  # a repository without a commit, to which no run can be said to belong
        yield lambda history: write_csv(history, table)
        return

    logged = 0

    def on_epoch(history: pd.DataFrame) -> None:
        nonlocal logged
        write_csv(history, table)
        if len(history) <= logged:  # a training that diverged was left out
            logged = 0
        # After an interruption, the first history has the epochs before it, too.
        for row in history.iloc[logged:].to_dict("records"):
            live.step = row.pop("epoch")
            for name, value in row.items():
                live.log_metric(name.replace("_", "/", 1), value)
        live.next_step()
        logged = len(history)

    with live:
        yield on_epoch
