"""The numbers of a run that a report shows: a column each."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dougong.runs.read import Run, number

LAST = " (last)"
LOWER = ("loss", "perplexity", "seconds", "memory_mib", "parameters")


def measures_of(run: Run) -> dict[str, float]:
    """Metrics of the best checkpoint, the main one also at the end of the training, size, time and memory."""
    found = dict(run.metrics)
    if run.best is not None:
        found = {run.main_metric: run.best, **found}
    curve = run.curves.get(run.main_metric)
    if curve is not None and len(curve.values):
        found[f"{run.main_metric}{LAST}"] = float(curve.values[-1])
    speed = run.curves.get("speed/examples_per_second")
    others = {
        "seconds": run.seconds,
        "examples_per_second": float(np.median(speed.values)) if speed else None,
        "parameters": number(run.facts.get("parameters")),
        **{name: number(run.record.get(name)) for name in ("peak_memory_mib", "peak_gpu_memory_mib")},
        "updates": max((float(item.updates[-1]) for item in run.curves.values()), default=None),
    }
    found |= {name: value for name, value in others.items() if value is not None}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def columns(runs: Sequence[Run], measures: Sequence[dict[str, float]]) -> list[dict[str, Any]]:
    """The measures that there are, the main ones first, each with what is better (None: neither)."""
    main = main_metric(runs)
    test = main.replace("valid/", "test/")
    names = dict.fromkeys(name for own in measures for name in own)
    first = [name for name in (main, f"{main}{LAST}", test) if name in names]
    higher = next((run.higher_is_better for run in runs if run.main_metric == main), True)
    same = {main, f"{main}{LAST}", test}
    return [
        {"name": name, "better": ("higher" if higher else "lower") if name in same else _better(name)}
        for name in dict.fromkeys([*first, *names])
    ]


def main_metric(runs: Sequence[Run]) -> str:
    """The main metric of most runs."""
    names = [run.main_metric for run in runs]
    return max(dict.fromkeys(names), key=names.count)


def _better(name: str) -> str | None:
    if name == "updates":
        return None
    return "lower" if name.removesuffix(LAST).endswith(LOWER) else "higher"


def summary(values: Sequence[float]) -> dict[str, float | int | None]:
    """Mean, standard deviation (of a sample; None of one value), and how many there are."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "spread": spread, "count": len(values)}
