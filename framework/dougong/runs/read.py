"""One run, read from its folder, whatever state that is in."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dougong.runs.curves import Curve, read_curves
from dougong.runs.folders import CONFIG, METRICS, RECORD
from dougong.runs.state import State, last_change, state_of

Config = dict[str, Any]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where there is libyaml


@dataclass(frozen=True)
class Run:
    """What a run folder holds.

    Args:
        folder: where it is.
        config: the whole configuration; empty where it can't be read.
        record: what `run.json` says.
        overrides: the words after `dougong train`, None where they are not known.
        curves: what was measured, by metric.
        state: how it stands.
        problems: what could not be read, a line each.
    """

    folder: Path
    config: Config
    record: Mapping[str, Any]
    overrides: tuple[str, ...] | None
    curves: Mapping[str, Curve]
    state: State
    problems: list[str] = field(default_factory=list)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """What the best checkpoint reached, as `valid/...` and `test/...`; empty before the end."""
        found = self.record.get("metrics")
        found = found if isinstance(found, dict) else {}
        return {str(name): float(value) for name, value in found.items() if isinstance(value, int | float)}

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Versions, machine, size."""
        found = self.record.get("facts")
        return found if isinstance(found, dict) else {}

    @cached_property
    def main_metric(self) -> str:
        """The validation metric by which the best checkpoint is known."""
        if isinstance(said := self.facts.get("main_metric"), str):
            return f"valid/{said}"
        names = [name for name in (*self.metrics, *self.curves) if name.startswith("valid/")]
        return next((name for name in names if name != "valid/loss"), "valid/loss")

    @cached_property
    def higher_is_better(self) -> bool:
        """The main metric's direction."""
        said = self.facts.get("higher_is_better")
        return said if isinstance(said, bool) else not self.main_metric.endswith(("loss", "perplexity"))

    @cached_property
    def best(self) -> float | None:
        """The main metric of the best checkpoint, or the best so far."""
        if self.main_metric in self.metrics:
            return self.metrics[self.main_metric]
        curve = self.curves.get(self.main_metric)
        values = curve.values[np.isfinite(curve.values)] if curve else np.array([])
        if not values.size:
            return None
        return float(values.max() if self.higher_is_better else values.min())

    @cached_property
    def seconds(self) -> float | None:
        """How long it ran."""
        return number(self.record.get("seconds"))

    @cached_property
    def last_change(self) -> float:
        """When it was heard of last, in seconds since 1970."""
        return number(self.record.get("ended")) or last_change(self.folder)

    @cached_property
    def started(self) -> float:
        """When it began, in seconds since 1970."""
        return number(self.record.get("started")) or _changed(self.folder / CONFIG) or self.last_change


def read_run(folder: Path) -> Run:
    """Read a run. What is damaged is left out, and named in `problems`; nothing is raised."""
    problems: list[str] = []
    config = _mapping(folder / CONFIG, _yaml, problems)
    record = _mapping(folder / RECORD, json.loads, problems)
    curves, bad = read_curves(folder)
    if bad:
        problems.append(f"{METRICS}: {bad:,} lines can't be read")
    words = _words(record)
    return Run(folder, config, record, words, curves, state_of(record, folder), problems)


def number(value: Any) -> float | None:
    """A finite number, None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _mapping(path: Path, parse: Any, problems: list[str]) -> dict[str, Any]:
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{path.name}: missing")
        return {}
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        found = None
    if not isinstance(found, dict):
        problems.append(f"{path.name}: damaged")
        return {}
    return {str(key): value for key, value in found.items()}


def _yaml(text: str) -> Any:
    return yaml.load(text, _LOADER)


def _words(record: Mapping[str, Any]) -> tuple[str, ...] | None:
    found = record.get("words")
    return tuple(map(str, found)) if isinstance(found, list) else None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
