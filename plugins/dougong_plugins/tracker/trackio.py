"""Tracker: Trackio, which keeps everything on this machine."""

import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Gt

from dougong import register
from dougong.contracts.background import BackgroundTracker
from dougong.contracts.drawing import Drawing, HeatMap
from dougong.contracts.tracker import RunInformation, flat
from dougong.dashboard.records import RECORDED
from dougong.dashboard.store import as_table
from dougong.errors import UserError
from dougong.pictures import as_png, can_draw


@register("tracker", "trackio")
class TrackioTracker(BackgroundTracker):
    """Trackio, in its own store on this machine, with no account: `trackio show` opens it, `trackio sync` uploads it.

    `dougong dashboard` shows runs without it. All of it happens in a thread of its own: a store that is locked or full
    holds up no training. `TRACKIO_DIR` says where the store is. Needs `pip install "dougong[dashboard]"`; pictures need
    `pip install "dougong[plots]"` as well, and are left out without it.

    Source: https://github.com/gradio-app/trackio.

    Args:
        project: the project that the run belongs to.
        timeout: seconds to wait at the end for what is still to be written.
    """

    service = "trackio"

    def __init__(self, project: str = "dougong", timeout: Annotated[float, Gt(0)] = 30.0) -> None:
        super().__init__(timeout)
        if find_spec("trackio") is None:
            raise UserError('tracker=trackio needs trackio: pip install "dougong[dashboard]".')
        self.project = project
        self._storage: Any = None
        self._config: dict[str, Any] | None = None

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Apart from what anybody looks at."""
        return {"project": "dougong-trial"}

    def open(self, run: RunInformation) -> None:
        """Note where the run is recorded; the store begins it with its first entry."""
        from trackio.sqlite_storage import SQLiteStorage

        SQLiteStorage.validate_project_name(self.project)
        self._storage = SQLiteStorage
        self._config = {**flat(run.fields), "folder": str(run.folder), "_Group": run.group, "_Username": None}
        database = Path(SQLiteStorage.get_project_db_path(self.project)).absolute()
        said = {"database": str(database), "project": self.project, "run": run.identity}
        with suppress(OSError):  # without it `dougong dashboard` needs the run's metrics.csv
            self.folder.mkdir(exist_ok=True)
            (run.folder / RECORDED).write_text(json.dumps(said), encoding="utf-8")

    def send_metrics(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """One entry."""
        self._write({name: float(value) for name, value in metrics.items()}, update)

    def send_table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """A table of Trackio's."""
        self._write({name: as_table(rows)}, update)

    def send_drawing(self, name: str, drawing: Drawing, update: int) -> None:
        """An image; what is drawn of counts is in a table as well."""
        if not can_draw() or (isinstance(drawing, HeatMap) and drawing.counts):
            return
        from trackio import Image

        path = self.folder / f"{name.replace('/', '_')}_{update}.png"
        path.write_bytes(as_png(drawing, name))
        image = Image(str(path))
        image._save(self.project, self.information.name, update)
        self._write({name: image._to_dict()}, update)

    def close(self, status: str) -> None:
        """Nothing is open."""

    def where(self) -> str:
        """What shows it."""
        return f"trackio: recorded here; show it with: trackio show --project {self.project}"

    def _write(self, entry: dict[str, Any], update: int) -> None:
        run = self.information
        self._storage.bulk_log(self.project, run.name, [entry], [update], config=self._config, run_id=run.identity)
        self._config = None
