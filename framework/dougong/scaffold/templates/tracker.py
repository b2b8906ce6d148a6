"""Tracker: say here in one line what this is."""

import json
from collections.abc import Mapping
from pathlib import Path

from dougong import register
from dougong.contracts.tracker import RunInformation, Tracker


@register("tracker", "my_tracker")
class MyTracker(Tracker):
    """Writes what a run measures to a file of JSON lines in the run's folder.

    The first line above is what `dougong plugins` lists. The settings are the
    parameters of `__init__`: give each a type, bounds, a default, and a line under
    Args. Whatever a tracker raises is reported, and never stops the run.

    Args:
        file: the name of the file.
    """

    def __init__(self, file: str = "measurements.jsonl") -> None:
        self.file = file
        self._path: Path | None = None

    def start(self, run: RunInformation) -> None:
        """Begin, or go on: what came after `run.update` will be measured anew."""
        self._path = run.folder / self.file
        old = []
        if run.resumed and self._path.exists():
            old = self._path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in old if json.loads(line)["update"] <= run.update]
        text = "".join(f"{line}\n" for line in kept)
        self._path.write_text(text, encoding="utf-8")

    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Record metrics as of an update. Override `table` to record tables too."""
        assert self._path is not None
        line = json.dumps({"update": update, "epoch": epoch, **metrics})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def finish(self, status: str) -> str | None:
        """End; what is returned is shown to the user."""
        return f"measurements: {self._path}"
