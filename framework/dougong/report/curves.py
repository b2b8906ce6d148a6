"""Learning curves as a page holds them: few enough points, as 32-bit floats in base64."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from dougong.runs.curves import Curve
from dougong.runs.read import Run

POINTS = 2_000
"""A curve with more is thinned: a screen has no more columns."""


def curve_blocks(runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Of each metric the curves of all runs: `x` has what the runs share, `runs` a number into `x`, and values."""
    names = dict.fromkeys(name for run in runs for name in run.curves)
    ordered = sorted(names, key=lambda name: (name != "train/loss", not name.startswith("valid/")))
    return {name: _block([run.curves.get(name) for run in runs]) for name in ordered}


def thinned(curve: Curve, points: int = POINTS) -> Curve:
    """At most so many points: of each stretch the lowest and the highest, so that no spike is lost; gaps stay gaps."""
    if len(curve.values) <= points:
        return curve
    kept: set[int] = {0, len(curve.values) - 1}
    for part in np.array_split(np.arange(len(curve.values)), max(1, points // 2 - 1)):
        values = curve.values[part]
        if np.isnan(values).all():
            kept.add(int(part[0]))
        else:
            kept |= {int(part[np.nanargmin(values)]), int(part[np.nanargmax(values)])}
    places = np.array(sorted(kept))
    return Curve(curve.updates[places], curve.values[places])


def _block(curves: Sequence[Curve | None]) -> dict[str, Any]:
    shared: dict[str, int] = {}
    found: list[list[Any] | None] = []
    for curve in curves:
        if curve is None:
            found.append(None)
            continue
        thin = thinned(curve)
        place = shared.setdefault(_packed(thin.updates), len(shared))
        found.append([place, _packed(thin.values)])
    return {"x": list(shared), "runs": found}


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode("ascii")
