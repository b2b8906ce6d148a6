"""Takes runs into a dashboard, and what they measure while they go on."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dougong.dashboard.records import RECORDED, TABLES, rows_of
from dougong.dashboard.store import Rows
from dougong.errors import UserError
from dougong.runs.differences import as_text, settings_of
from dougong.runs.folders import METRICS, RECORD, find_runs
from dougong.runs.jobs import group_of, name_of
from dougong.runs.read import Run, read_run
from dougong.runs.state import State, state_of
from dougong.runs.words import command

Point = tuple[int, str]
"""An update, and the name of a metric."""


class Shown(Protocol):
    """Where the runs go."""

    def add(
        self, identity: str, name: str, group: str | None, rows: Rows, config: dict[str, Any], started: float
    ) -> None:
        """Add measurements to a run, and set its configuration."""

    def remove(self, identity: str, name: str) -> None:
        """Take a run out."""


@dataclass
class _Taken:
    """A run as it was read last, and what of it is shown."""

    run: Run
    signature: tuple[Any, ...]
    name: str = ""
    state: str = ""
    shown: dict[Point, Any] | None = None


class Follower:
    """Shows every run at or below some folders, each once, however often it looks.

    Args:
        paths: folders of runs; none for `outputs` and `multirun`.
        store: where the runs go.
    """

    def __init__(self, paths: Sequence[str], store: Shown) -> None:
        self.paths = paths
        self.store = store
        self._taken: dict[Path, _Taken] = {}

    def step(self) -> int:
        """Look once, and say how many runs there are.

        Raises:
            UserError: there was none yet, and there is none.
        """
        try:
            folders = find_runs(self.paths)
        except UserError:
            if not self._taken:
                raise
            folders = []
        for gone in self._taken.keys() - set(folders):
            self._hide(gone, self._taken.pop(gone))
        for folder in folders:
            signature = _signature(folder)
            before = self._taken.get(folder)
            if before is None:
                before = self._taken[folder] = _Taken(read_run(folder), signature)
            elif signature == before.signature and _state(before.run) == before.run.state:
                continue
            else:
                before.run, before.signature = read_run(folder), signature
            self._show(folder, before)
        return len(self._taken)

    def _show(self, folder: Path, taken: _Taken) -> None:
        points = {
            (update, metric): value for update, row in rows_of(taken.run).items() for metric, value in row.items()
        }
        shown = taken.shown or {}
        # What is not there any more is measured anew, since the run went on from before it.
        again = taken.run.state != taken.state or not _holds(points, shown)
        if again and taken.shown is not None:
            self._hide(folder, taken)
            shown = {}
        new: dict[int, dict[str, Any]] = {}
        for (update, metric), value in points.items():
            if (update, metric) not in shown:
                new.setdefault(update, {})[metric] = value
        if new:
            run = taken.run
            taken.name = name_of(folder)
            self.store.add(_identity(folder), taken.name, group_of(folder), new, _config(run), run.started)
            taken.state, taken.shown = run.state, points

    def _hide(self, folder: Path, taken: _Taken) -> None:
        self.store.remove(_identity(folder), taken.name)


def _holds(points: Mapping[Point, Any], shown: Mapping[Point, Any]) -> bool:
    return all(point in points and repr(points[point]) == repr(value) for point, value in shown.items())  # or nan


def _config(run: Run) -> dict[str, Any]:
    """One level of names, by each of which Trackio can group; what can't be a group is text."""
    settings = {name: _plain(value) for name, value in settings_of(run.config).items()}
    return {"folder": str(run.folder), "state": run.state, "command": command(run), **settings}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else as_text(value)


def _identity(folder: Path) -> str:
    """By its folder: a copied run is one more run."""
    return str(folder.resolve())


def _state(run: Run) -> State:
    """How it stands now: a process may end without a word in its folder."""
    return state_of(run.record, run.folder) if run.state == "running" else run.state


def _signature(folder: Path) -> tuple[Any, ...]:
    """What changes when something is written there."""
    return tuple(_stat(path) for path in _files(folder))


def _files(folder: Path) -> Iterable[Path]:
    return (folder / METRICS, folder / RECORD, folder / RECORDED, folder / TABLES)


def _stat(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_size, found.st_mtime_ns
    return None
