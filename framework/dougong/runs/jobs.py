"""Which multirun a run is a job of, and what its jobs differ in."""

import json
from pathlib import Path
from typing import Any

SWEEP = "sweep.json"
_LEVELS = 3
"""Folders of a multirun that lie between it and a job at most, and one more."""


def group_of(folder: Path) -> str | None:
    """A name that the jobs of one multirun share, and no other run has; None for a run that is no job."""
    found = _job(folder)
    return "/".join(found[0].parts[-2:]) if found else None


def name_of(folder: Path) -> str:
    """What tells a run from others, for people: the words in which the jobs of its multirun differ, and where it is."""
    place = "/".join(folder.resolve().parts[-2:])
    found = _job(folder)
    label = _short(str(found[1].get("label", ""))) if found else ""
    return f"{label} ({place})" if label else place


def _job(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The folder of its multirun, and what is recorded of it there."""
    folder = folder.resolve()
    for above in folder.parents[:_LEVELS]:
        try:
            jobs = json.loads((above / SWEEP).read_text(encoding="utf-8"))["jobs"]
            own = folder.relative_to(above).as_posix()
            return next((above, job) for job in jobs if job["folder"] == own)
        except (OSError, ValueError, TypeError, KeyError, StopIteration):
            continue
    return None


def _short(label: str) -> str:
    """The words with the last part of each key, where no other ends so."""
    words = [word.partition("=") for word in label.split()]
    ends = [key.rpartition(".")[2] for key, *_ in words]
    return " ".join(
        f"{end if ends.count(end) == 1 else key}{equals}{value}"
        for end, (key, equals, value) in zip(ends, words, strict=True)
    )
