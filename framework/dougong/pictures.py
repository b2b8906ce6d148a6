"""Drawings as PNG pictures, for trackers that show pictures; matplotlib makes them (`pip install dougong[plots]`)."""

import importlib.util
import io
import threading
import warnings
from functools import cache, lru_cache
from typing import Any

import numpy as np

from dougong.contracts.drawing import Drawing, HeatMap, PrecisionRecall

MOST_NAMES = 32
"""Rows or columns that are named; more could not be read."""
LONGEST_NAME = 24
_one_at_a_time = threading.Lock()  # matplotlib's caches are not made for threads, and each tracker has its own


@cache
def can_draw() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


def as_png(drawing: Drawing, title: str) -> bytes:
    """The bytes of a PNG file; drawn once, however many trackers ask for it."""
    with _one_at_a_time:
        return _drawn(drawing, title)


@lru_cache(maxsize=32)
def _drawn(drawing: Drawing, title: str) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that a font lacks
        from matplotlib.figure import Figure

        panels = len(drawing.panels) if isinstance(drawing, HeatMap) else 1
        figure = Figure(figsize=(1 + 3 * panels, 3.6))  # laid out by hand: to do it well takes matplotlib half a second
        figure.subplots_adjust(0.8 / (1 + 3 * panels), 0.2, 0.98, 0.85, wspace=0.06)
        figure.suptitle(_plain(title), fontsize=9)
        if isinstance(drawing, PrecisionRecall):
            _draw_curves(figure.add_subplot(), drawing)
        else:
            _draw_panels(figure, drawing)
        written = io.BytesIO()
        figure.savefig(written, format="png", dpi=80)
        return written.getvalue()


def _draw_curves(axes: Any, drawing: PrecisionRecall) -> None:
    for name, counts in drawing.classes.items():
        axes.plot(counts.recall, counts.precision, label=_plain(name))
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


def _draw_panels(figure: Any, drawing: HeatMap) -> None:
    for number, (title, values) in enumerate(drawing.panels.items()):
        axes = figure.add_subplot(1, len(drawing.panels), number + 1)
        axes.imshow(values, cmap="viridis", vmin=0, aspect="auto")
        axes.set_title(_plain(title), fontsize=8)
        axes.set_xlabel(drawing.column_title, fontsize=8)
        # The other panels have the same; and each name takes as long to draw as a thousand numbers.
        _name(axes.set_xticks, drawing.columns if number == 0 else (), rotation=90)
        _name(axes.set_yticks, drawing.rows if number == 0 else ())
        if number == 0:
            axes.set_ylabel(drawing.row_title, fontsize=8)
        if drawing.counts and values.size <= MOST_NAMES:
            _write_counts(axes, values)


def _name(set_ticks: Any, names: Any, **how: Any) -> None:
    shown = [_plain(name) for name in names] if len(names) <= MOST_NAMES else []
    set_ticks(range(len(shown)), shown, fontsize=5.5, **how)


def _write_counts(axes: Any, values: Any) -> None:
    for row, column in np.ndindex(values.shape):
        dark = values[row, column] < values.max() / 2
        axes.text(column, row, str(values[row, column]), ha="center", va="center", color="w" if dark else "k")


def _plain(text: str) -> str:
    """A text that is short, and no formula."""
    cut = text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
    return cut.replace("$", r"\$")
