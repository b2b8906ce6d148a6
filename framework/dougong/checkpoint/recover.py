"""What a run that was stopped goes on from: its newest checkpoint that is whole."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dougong.checkpoint import file, parts
from dougong.errors import UserError

FOLDER = "checkpoints"
LAST = "last.ckpt"
BEST = "best.ckpt"
DAMAGED = ".damaged"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read.

    Args:
        path: of its file.
        content: all of it, on the disk until it is used.
    """

    path: Path
    content: dict[str, Any]

    @property
    def state(self) -> dict[str, Any]:
        """Dougong's own part."""
        found: dict[str, Any] = self.content[file.KEY]
        return found


def newest(run_folder: Path) -> Saved:
    """The newest checkpoint of a run that can be read; those that can't are named, and set aside.

    Raises:
        UserError: there is none.
    """
    found: Saved | None = None
    problems: dict[Path, str] = {}
    for path in _candidates(run_folder / FOLDER):
        # The best may be the same file as a damaged one, by another name.
        if found is None or (problems and path.name == BEST):
            try:
                read = Saved(path, file.load_mapped(path, check=True))
                found = found or read
            except UserError as error:
                problems[path] = str(error)
    if found is None and problems:
        raise UserError(f"{next(iter(problems.values()))} No other checkpoint of this run can be read either.")
    if found is None:
        raise UserError(f"resume={run_folder}: this run has not saved a checkpoint yet; start it anew.")
    for path, problem in problems.items():
        logger.warning("%s It is skipped: %s, of update %s, is whole.", problem, found.path.name, found.state["update"])
        # Out of the way of what is saved from now on, which would otherwise push out the one that is whole.
        path.replace(path.with_name(f"{path.name}{DAMAGED}"))
    return found


def sweep(run_folder: Path) -> None:
    """Delete what saves that were killed have left; no other process may be saving there."""
    for partial in (run_folder / FOLDER).glob(".*.partial"):
        partial.unlink(missing_ok=True)
    parts.sweep(run_folder / FOLDER)


def _candidates(folder: Path) -> list[Path]:
    """The checkpoints of a run, the newest first."""

    def number(path: Path) -> int:
        return int(path.stem.rpartition("-")[2])

    numbered = [path for path in folder.glob("last-*.ckpt") if path.stem.rpartition("-")[2].isdecimal()]
    # The best is complete too, and may be the only one that is left.
    ordered = [folder / LAST, *sorted(numbered, key=number), folder / BEST]
    return [path for path in ordered if path.is_file()]
