"""Tracker: Trackio, an experiment tracker that keeps everything on this machine."""

import contextlib
import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Gt

from dougong import register
from dougong.contracts.tracker import RunInformation, Tracker
from dougong.dashboard.records import RECORDED
from dougong.dashboard.store import as_table
from dougong.errors import UserError
from dougong.runs.differences import as_text, settings_of
from dougong.runs.jobs import group_of, name_of

logger = logging.getLogger(__name__)


@register("tracker", "trackio")
class TrackioTracker(Tracker):
    """Trackio, in its own store on this machine, with no account: `trackio show` opens it, `trackio sync` uploads it.

    All of it happens in a thread of its own: a store that is locked or full holds up no training. For `dougong
    dashboard` it is not needed. `TRACKIO_DIR` says where the store is. Needs `pip install "dougong[dashboard]"`.

    Source: Trackio, https://github.com/gradio-app/trackio.

    Args:
        project: the project that the run belongs to.
        timeout: seconds to wait at the end for what is still to be written.
    """

    def __init__(self, project: str = "dougong", timeout: Annotated[float, Gt(0)] = 30.0) -> None:
        if find_spec("trackio") is None:
            raise UserError('tracker=trackio needs trackio: pip install "dougong[dashboard]".')
        self.project = project
        self.timeout = timeout
        self.problem: str | None = None
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._run: RunInformation | None = None
        self._storage: Any = None
        self._config: dict[str, Any] | None = None

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Apart from what anybody looks at."""
        return {"project": "dougong-trial"}

    def start(self, run: RunInformation) -> None:
        """Remember the run; Trackio is imported with the first measurement, when the training is under way."""
        self._run = run

    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Hand the metrics to the thread."""
        entry = {name: float(value) for name, value in metrics.items()}
        self._hand_over(lambda: self._write(entry, update))

    def table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """Hand the table to the thread."""
        entry = {name: as_table(rows)}
        self._hand_over(lambda: self._write(entry, update))

    def finish(self, status: str) -> str | None:
        """Wait until all is written, but no longer than `timeout`, and say where it is."""
        if self._thread is None:
            return None
        self._calls.put(None)
        self._thread.join(self.timeout)
        if self._thread.is_alive():
            self.problem = f"gave up after {self.timeout:g} s"
        if self.problem:
            return f"trackio: not recorded ({self.problem})."
        return f"trackio: recorded here; show it with: trackio show --project {self.project}"

    def _hand_over(self, call: Callable[[], None]) -> None:
        if self.problem:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="trackio", daemon=True)
            self._thread.start()
        self._calls.put(call)

    def _work(self) -> None:
        try:
            self._open()
            while (call := self._calls.get()) is not None:
                call()
        except BaseException as error:
            self.problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
            logger.warning("trackio stopped recording (%s); the training goes on", self.problem)

    def _open(self) -> None:
        from trackio.sqlite_storage import SQLiteStorage

        assert self._run is not None
        run = self._run
        SQLiteStorage.validate_project_name(self.project)
        self._storage = SQLiteStorage
        self._config = {name: _plain(value) for name, value in settings_of(dict(run.config)).items()}
        self._config |= {f"run.{name}": _plain(value) for name, value in run.facts.items()}
        self._config |= {"folder": str(run.folder), "_Group": group_of(run.folder), "_Username": None}
        place = {"database": str(self._database.absolute()), "project": self.project, "run": run.identity}
        with contextlib.suppress(OSError):  # without it `dougong dashboard` needs the run's metrics.csv
            (run.folder / RECORDED).write_text(json.dumps(place), encoding="utf-8")

    @property
    def _database(self) -> Path:
        return Path(self._storage.get_project_db_path(self.project))

    def _write(self, entry: dict[str, Any], update: int) -> None:
        run = self._run
        assert run is not None
        # What a run that goes on measures again is the same entry, which the store then leaves out.
        name = f"{run.identity} {update} {' '.join(sorted(entry))}"
        self._storage.bulk_log(
            self.project,
            name_of(run.folder),
            [entry],
            [update],
            config=self._config,
            log_ids=[name],
            run_id=run.identity,
        )
        self._config = None


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else as_text(value)
