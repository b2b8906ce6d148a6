"""The contract of a tracker plugin."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dougong.contracts.drawing import Drawing


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
        group: what the runs of one sweep have in common, None for a run by itself.
        diff: how the working directory's repository differs from its commit, without secrets.
    """

    folder: Path
    name: str
    identity: str
    config: Mapping[str, Any]
    facts: Mapping[str, Any]
    resumed: bool = False
    update: int = 0
    group: str | None = None
    diff: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """All that is known of the run, for services that search by it: what fills each slot (`task`, `attention`, ...)
        as plain text, the run's own values (`seed`), the whole configuration as `settings`, the facts as `run`."""
        return {**plain_fields(self.config), "settings": dict(self.config), "run": dict(self.facts)}


class Tracker(ABC):
    """Records what a run measures. Whatever a tracker raises is reported and never stops the run.

    `shows_pictures` says whether pictures of attention are to be made for it.
    """

    shows_pictures: ClassVar[bool] = False

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

    def draw(  # noqa: B027 - as above
        self, name: str, drawing: Drawing, update: int
    ) -> None:
        """Show a drawing (a confusion matrix, precision-recall curves, patterns of attention)."""

    def checkpoint(  # noqa: B027 - as above
        self, path: Path, metrics: Mapping[str, float], update: int
    ) -> None:
        """Keep the best checkpoint, where the user asked for it; called once, before the end of a run that finished.

        Args:
            metrics: what it reached.
            update: that it was saved at.
        """

    def finish(self, status: str) -> str | None:
        """End: `status` is "finished", "interrupted" or "failed". Returns a line for the user, if there is one."""
        return None


def plain_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """What tells runs apart at a glance: the plugin in each slot by name (several with commas), and plain values."""
    found = {}
    for name, node in config.items():
        if not isinstance(node, Mapping):
            found[name] = node
        elif "name" in node:
            found[name] = str(node["name"])
        elif node and all(isinstance(item, Mapping) and "name" in item for item in node.values()):
            found[name] = ",".join(str(item["name"]) for item in node.values())
    return found


def flat(fields: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested values under names with dots; lists as texts."""
    found: dict[str, Any] = {}
    for key, value in fields.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        else:
            found[name] = str(value) if isinstance(value, list | tuple) else value
    return found
