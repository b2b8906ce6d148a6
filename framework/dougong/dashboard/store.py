"""What a dashboard shows: a project of Trackio's in a folder of its own."""

import contextlib
import io
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dougong.errors import UserError

PROJECT = "runs"
HINT = "dougong dashboard: trackio is not installed; `pip install dougong[dashboard]` brings it."
_SENDING = ("TRACKIO_BUCKET_ID", "TRACKIO_DATASET_ID", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "SYSTEM")

Rows = Mapping[int, Mapping[str, Any]]
"""By update: what was measured of it."""


class Store:
    """Keeps runs where Trackio's server looks for them, and sends nothing anywhere.

    Trackio asks once, when it is imported, where that is: a process has one store.

    Args:
        folder: an empty folder.

    Raises:
        UserError: Trackio is not installed.
    """

    def __init__(self, folder: Path) -> None:
        os.environ["TRACKIO_DIR"] = str(folder)
        os.environ["TRACKIO_STORAGE_MODE"] = "sqlite"
        os.environ["HF_HUB_OFFLINE"] = "1"
        for name in _SENDING:
            os.environ.pop(name, None)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                from trackio.sqlite_storage import SQLiteStorage
        except ImportError as error:
            raise UserError(HINT) from error
        self._storage: Any = SQLiteStorage
        self._storage.init_db(PROJECT)

    def add(
        self, identity: str, name: str, group: str | None, rows: Rows, config: Mapping[str, Any], started: float
    ) -> None:
        """Add measurements to a run, and set its configuration.

        Args:
            identity: what tells the run from all others.
            group: what it shares with other jobs of one multirun.
            started: when it began, in seconds since 1970.
        """
        begun = datetime.fromtimestamp(started, UTC).isoformat()
        self._storage.bulk_log(
            PROJECT,
            name,
            [dict(row) for row in rows.values()],
            list(rows),
            timestamps=[begun] * len(rows),  # a metrics.csv does not say when; runs come in the order of their start
            config={**config, "_Created": begun, "_Username": None, "_Group": group},
            run_id=identity,
        )

    def remove(self, identity: str, name: str) -> None:
        """Take a run out."""
        self._storage.delete_run(PROJECT, name, run_id=identity)


def as_table(rows: list[list[Any]]) -> dict[str, Any]:
    """A table whose first row is the header, as Trackio keeps it."""
    columns = [str(cell) for cell in rows[0]]
    return {"_type": "trackio.table", "_value": [dict(zip(columns, row, strict=False)) for row in rows[1:]]}
