"""Tracker: the learning curves as a picture."""

import importlib.util
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dougong import register
from dougong.contracts.tracker import RunInformation, Tracker
from dougong.runs.curves import Curve, read_curves

HINT = "plot: matplotlib is not installed; `pip install dougong[plots]` brings it."
FILES = ("curves.png", "curves.svg")
SMOOTHED = 25
"""A line's share over which it is averaged: one part of so many; more would lag behind a short run."""
MOST_PANELS = 6
LOSSES: tuple[str, ...] = ("train/loss", "valid/loss")


@register("tracker", "plot")
class PlotTracker(Tracker):
    """Draws `curves.png` and `curves.svg` when the run ends: the losses, and each metric of the validation.

    A run that goes on with an earlier one has that one's curves where tracker `csv` kept them.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._found: dict[str, dict[int, float]] = {}

    def start(self, run: RunInformation) -> None:
        """Begin, with what was measured up to the last save."""
        self._folder = run.folder
        kept = read_curves(run.folder)[0] if run.resumed else {}
        for name, curve in kept.items():
            pairs = zip(curve.updates.tolist(), curve.values.tolist(), strict=True)
            self._found[name] = {int(update): value for update, value in pairs if update <= run.update}

    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Keep what is going to be drawn."""
        for name, value in metrics.items():
            if name == "train/loss" or name.startswith("valid/"):
                self._found.setdefault(name, {})[update] = float(value)

    def finish(self, status: str) -> str | None:
        """Draw."""
        panels = _panels({name: _curve(values) for name, values in self._found.items()})
        if not panels or self._folder is None:
            return None
        if importlib.util.find_spec("matplotlib") is None:
            return HINT
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of glyphs that a font lacks
            _draw(panels, [self._folder / name for name in FILES])
        return f"plot: {self._folder / FILES[0]}"


def _curve(values: Mapping[int, float]) -> Curve:
    """In order, and without what can't be drawn."""
    kept = [(update, value) for update, value in sorted(values.items()) if np.isfinite(value)]
    return Curve(np.array([update for update, _ in kept], dtype=np.float64), np.array([value for _, value in kept]))


def _panels(curves: Mapping[str, Curve]) -> list[dict[str, Curve]]:
    """What is drawn together: both losses, then each other metric by itself."""
    drawable = {name: curve for name, curve in curves.items() if len(curve.values)}
    losses: dict[str, Curve] = {name: drawable.pop(name) for name in LOSSES if name in drawable}
    panels = [{name: curve} for name, curve in drawable.items()]
    if losses:
        panels.insert(0, losses)
    return panels[:MOST_PANELS]


def _draw(panels: list[dict[str, Curve]], paths: list[Path]) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(panels), 3.6), layout="constrained")
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), number + 1)
        for name, curve in panel.items():
            _line(axes, name, curve)
        axes.set_xlabel("update")
        axes.grid(alpha=0.3)
        for text in axes.legend(fontsize=8).get_texts():
            text.set_parse_math(False)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dougong"}):
        for path in paths:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _line(axes: Any, name: str, curve: Curve) -> None:
    """The training loss as its moving average, itself faint behind; the few points of a validation as they are."""
    label = name if len(name) <= 40 else f"{name[:39]}…"
    if name != "train/loss" or len(curve.values) < 2:
        axes.plot(curve.updates, curve.values, marker="o", markersize=3, label=label)
        return
    weights = (1.0 - 1.0 / max(1.0, len(curve.values) / SMOOTHED)) ** np.arange(len(curve.values))
    smooth = np.convolve(curve.values, weights)[: len(weights)] / np.cumsum(weights)
    (line,) = axes.plot(curve.updates, smooth, label=label)
    axes.plot(curve.updates, curve.values, color=line.get_color(), alpha=0.25, linewidth=1)
