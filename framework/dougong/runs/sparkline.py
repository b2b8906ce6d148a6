"""A curve in one line of text, and other figures as a terminal shows them."""

from collections.abc import Sequence

import numpy as np

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float] | np.ndarray, width: int = 16) -> str:
    """Bars from the lowest to the highest, each the mean of its share of the curve; blank where none is finite."""
    parts = np.array_split(np.asarray(values, dtype=np.float64), min(width, len(values))) if len(values) else []
    means = [float(part[np.isfinite(part)].mean()) if np.isfinite(part).any() else None for part in parts]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    steps = len(BARS) - 1
    return "".join(" " if mean is None else BARS[round((mean - low) / span * steps)] for mean in means)


def duration(seconds: float) -> str:
    """A time in its largest unit that leaves at least 1: `40 s`, `12 min`, `5 h`, `3 d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def figure(value: float | None) -> str:
    """A metric in four digits after the point, or what keeps as many digits of a small or a large one."""
    if value is None or value != value:
        return "" if value is None else "nan"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3e}"
