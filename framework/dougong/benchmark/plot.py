"""A benchmark's results as a picture: time and memory against length, both axes logarithmic."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dougong.benchmark.results import Row, curve, growth

HINT = "No plot: matplotlib is not installed; `pip install dougong[plots]` brings it."
PANELS = (
    ("forward_ms", "forward", "milliseconds"),
    ("forward_backward_ms", "forward + backward", "milliseconds"),
    ("extra_mib", "peak extra memory, forward + backward", "MiB"),
)


def available() -> bool:
    """Whether there is matplotlib."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(rows: Sequence[Row], title: str, paths: Sequence[Path]) -> None:
    """Draw it into these files, whose endings say the format."""
    import matplotlib
    from matplotlib.figure import Figure

    shown = [panel for panel in PANELS if any(getattr(row, panel[0]) for row in rows)]
    figure = Figure(figsize=(4.6 * max(1, len(shown)), 4.2), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for index, (name, what, unit) in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), index + 1)
        _panel(axes, rows, name)
        axes.set_title(what, fontsize=10)
        axes.set_ylabel(unit)
    # Text stays text in the SVG, and what is drawn twice is the same twice.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dougong"}):
        for path in paths:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(axes: Any, rows: Sequence[Row], figure: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    lengths = sorted({row.length for row in rows if row.status == "measured"})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for index, attention in enumerate(dict.fromkeys(row.attention for row in rows)):
        found = curve(rows, attention, figure)
        if not found:
            continue
        slope = growth(rows, attention, figure)
        label = attention if slope is None else f"{attention}: length^{slope:.2f}"
        # The colour belongs to the attention, also where a panel lacks one of them.
        axes.plot(list(found), list(found.values()), marker="o", markersize=4, color=f"C{index % 10}", label=label)
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))  # a decade alone would often leave one label
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.minorticks_off()
    axes.set_xlabel("length")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize=8)
