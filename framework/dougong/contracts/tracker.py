"""The contract of a tracker plugin."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunInformation:
    """What a tracker is told when a run starts.

    Args:
        folder: the run's own folder, which a tracker may write to.
        name: what tells this run from others, for people.
        identity: what tells it from all others, for programs; the same when the run is resumed.
        config: the whole configuration, plain.
        facts: versions, git commit, model size, and the like.
        resumed: whether the run goes on with an earlier one.
        update: the update that it goes on from; what an earlier one recorded of later updates comes again.
    """

    folder: Path
    name: str
    identity: str
    config: Mapping[str, Any]
    facts: Mapping[str, Any]
    resumed: bool = False
    update: int = 0


class Tracker(ABC):
    """Records what a run measures. Whatever a tracker raises is reported and never stops the run."""

    @abstractmethod
    def start(self, run: RunInformation) -> None:
        """Begin to record."""

    @abstractmethod
    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Record metrics, named `train/loss` and the like, as of an update."""

    def table(  # noqa: B027 - to leave tables out is a choice, not an omission
        self, name: str, rows: list[list[Any]], update: int
    ) -> None:
        """Record a table whose first row is the header; a tracker without tables leaves it out."""

    def finish(self, status: str) -> str | None:
        """End: `status` is "finished", "interrupted" or "failed". Returns a line for the user, if there is one."""
        return None
