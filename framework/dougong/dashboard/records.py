"""What a run measured, as rows of a dashboard."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dougong.dashboard.store import as_table
from dougong.runs.read import Run

TABLES = "tables"
RECORDED = "trackio/store.json"
"""Says where tracker `trackio` keeps a run: `database`, a path, and `run`, its name there."""


def rows_of(run: Run) -> dict[int, dict[str, Any]]:
    """By update, what was measured of it; and the tables, once the run has ended, at its last update.

    Of a run that kept no `metrics.csv` it is what tracker `trackio` recorded.
    """
    rows: dict[int, dict[str, Any]] = {}
    for name, curve in run.curves.items():
        for update, value in zip(curve.updates.tolist(), curve.values.tolist(), strict=True):
            rows.setdefault(int(update), {})[name] = value
    if not rows:
        return dict(sorted(_recorded(run.folder).items()))
    if run.state != "running":
        rows[max(rows)] |= _tables(run.folder / TABLES)
    return dict(sorted(rows.items()))


def _tables(folder: Path) -> dict[str, Any]:
    """Tracker `csv` writes the table `test/confusion` to `test_confusion.csv`."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        try:
            rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        except (OSError, ValueError, csv.Error):
            continue
        if rows:
            found[path.stem.replace("_", "/", 1)] = as_table(rows)
    return found


def _recorded(folder: Path) -> dict[int, dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {}
    try:
        said = json.loads((folder / RECORDED).read_text(encoding="utf-8"))
        database = sqlite3.connect(f"{Path(said['database']).as_uri()}?mode=ro", uri=True, timeout=1)
        with closing(database):
            query = "SELECT step, metrics FROM metrics WHERE run_id = ? ORDER BY id"
            for update, metrics in database.execute(query, (said["run"],)):
                rows.setdefault(int(update), {}).update(json.loads(metrics))
    except (OSError, ValueError, TypeError, KeyError, sqlite3.Error):
        return {}
    return rows
