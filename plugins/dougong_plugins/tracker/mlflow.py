"""Tracker: MLflow."""

import csv
import io
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Gt

from dougong import register
from dougong.contracts.background import BackgroundTracker, from_here
from dougong.contracts.drawing import Drawing
from dougong.contracts.tracker import RunInformation, flat
from dougong.pictures import as_png

IDENTITY = "dougong.identity"
STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
MOST_PARAMETERS = 100
"""Parameters that the store takes in one call; and the characters that it takes of a value, and of a name."""
LONGEST_VALUE, LONGEST_NAME = 6000, 250


@register("tracker", "mlflow")
class MlflowTracker(BackgroundTracker):
    """MLflow, in a local SQLite file with the artifacts beside it; no server is needed. `pip install dougong[mlflow]`.

    `mlflow ui --backend-store-uri sqlite:///mlflow/mlflow.db` shows all runs of a folder. The configuration is in the
    parameters, the sweep that a run belongs to in the tag `group`; tables are artifacts, and drawings images. A metric
    that is infinite is recorded as the largest number there is. MLflow's reports to its makers are turned off.

    Args:
        folder: where `mlflow.db` and `artifacts` lie, for all runs together.
        experiment: the experiment that the run belongs to.
        log_model: keep the best checkpoint, among the artifacts.
        timeout: seconds to wait at the end for what is still to be written; the first run makes the database.
    """

    service = "mlflow"
    extra = "mlflow"

    def __init__(
        self,
        folder: str = "mlflow",
        experiment: str = "dougong",
        log_model: bool = False,
        timeout: Annotated[float, Gt(0)] = 60.0,
    ) -> None:
        super().__init__(timeout, log_model)
        self.store = Path(folder).expanduser().absolute()
        self.experiment = experiment
        self._client: Any = None
        self._run: str = ""
        self._epoch: tuple[int, int] | None = None

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A store of its own."""
        return {"folder": str(folder / "mlflow")}

    @property
    def uri(self) -> str:
        """Of the database."""
        return f"sqlite:///{self.store / 'mlflow.db'}"

    def open(self, run: RunInformation) -> None:
        """Begin a run, or go on with the one of this identity."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):  # they tell of every table that they make
            logging.getLogger(name).setLevel(logging.WARNING)
        self.store.mkdir(parents=True, exist_ok=True)
        with _alone(self.store):
            self._client = MlflowClient(self.uri)
            found = self._client.get_experiment_by_name(self.experiment)
            place = (self.store / "artifacts").as_uri()
            experiment = found.experiment_id if found else self._client.create_experiment(self.experiment, place)
        known = self._client.search_runs([experiment], f"tags.`{IDENTITY}` = '{run.identity}'", max_results=1)
        if known:
            self._run = known[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
        else:
            self._begin(experiment, run)

    def send_metrics(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """All in one call."""
        from mlflow.entities import Metric

        known = dict(metrics)
        if self._epoch != (update, epoch):
            self._epoch = (update, epoch)
            known["epoch"] = epoch
        now = round(time.time() * 1000)
        self._client.log_batch(self._run, [Metric(name, float(value), now, update) for name, value in known.items()])

    def send_table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """An artifact that MLflow shows as a table."""
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._client.log_text(self._run, text.getvalue(), f"tables/{name}/{update:08}.csv")

    def send_drawing(self, name: str, drawing: Drawing, update: int) -> None:
        """An image of the run's, of which each update has one."""
        from PIL import Image

        image = Image.open(io.BytesIO(as_png(drawing, name))).convert("RGB")
        self._client.log_image(self._run, image, key=name, step=update, synchronous=True)

    def send_checkpoint(self, path: Path, metrics: Mapping[str, float]) -> None:
        """An artifact."""
        self._client.log_artifact(self._run, str(path), "model")

    def close(self, status: str) -> None:
        """End it."""
        self._client.set_terminated(self._run, STATUS[status])

    def where(self) -> str | None:
        """What shows it."""
        return f"mlflow: mlflow ui --backend-store-uri sqlite:///{from_here(self.store / 'mlflow.db')}"

    def _begin(self, experiment: str, run: RunInformation) -> None:
        from mlflow.entities import Param

        commit = str(run.facts.get("git_commit") or "")
        tags = {IDENTITY: run.identity, "mlflow.source.git.commit": commit.removesuffix("-dirty"), "group": run.group}
        known = {name: str(value) for name, value in tags.items() if value}
        self._run = self._client.create_run(experiment, run_name=run.name, tags=known).info.run_id
        parameters = [
            Param(name[:LONGEST_NAME], str(value)[:LONGEST_VALUE]) for name, value in flat(run.fields).items()
        ]
        for begin in range(0, len(parameters), MOST_PARAMETERS):
            self._client.log_batch(self._run, params=parameters[begin : begin + MOST_PARAMETERS])
        if run.diff:
            self._client.log_text(self._run, run.diff, "diff.patch")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time makes the database, or brings it up to date."""
    import fcntl

    with (folder / ".lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield
