"""Which sweep a run belongs to, as far as the folders above it tell."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dougong.sweep.record import FILE

DEEPEST = 4
"""Folders between a sweep and its jobs: `hydra.sweep.subdir` may make some."""


@dataclass(frozen=True)
class Membership:
    """A job's place in its sweep.

    Args:
        group: the name of the sweep, the same for all its jobs.
        name: what tells the job from the others, as `attention=local,seed=2`.
    """

    group: str
    name: str


def membership(folder: Path) -> Membership | None:
    """The place of the run in this folder, None where it is no job of a sweep."""
    here = folder.resolve()
    for above in list(here.parents)[:DEEPEST]:
        try:
            jobs: Any = json.loads((above / FILE).read_text(encoding="utf-8"))["jobs"]
            mine = next(job for job in jobs if above / job["folder"] == here)
            label, words = str(mine["label"]), list(map(str, mine["words"]))
        except (OSError, ValueError, TypeError, KeyError, StopIteration, RecursionError):
            continue
        differing = [word for word in words if f" {word} " in f" {label} "]
        return Membership(os.path.join(*above.parts[-2:]), ",".join(differing) or folder.name)
    return None
