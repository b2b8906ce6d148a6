"""A schedule's curve, drawn in the terminal."""

from collections.abc import Sequence

from dougong.command_line.drawn import given, prefix
from dougong.errors import UserError
from dougong.registry.plugin import Plugin, reason
from dougong.registry.values import convert, fill

UPDATES = 1000
WIDTH, HEIGHT = 60, 9
SAMPLES = 16 * 2 * WIDTH
# A cell of Braille is two dots wide and four high; these are the bits of its dots, row by row.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_EMPTY = 0x2800


def curve(plugin: Plugin, words: Sequence[str]) -> list[str]:
    """The lines of a picture of a schedule plugin.

    Args:
        plugin: the schedule.
        words: `schedule.SETTING=VALUE`, and `updates=N` for the length of the run.

    Raises:
        UserError: a word is wrong.
    """
    found = given(plugin, words)
    updates = convert(int, found.pop("updates", UPDATES), "updates")
    if updates < 1:
        raise UserError(f"updates: must be >= 1, got {updates}.")
    try:
        schedule = plugin.load()(**fill(plugin.signature, found, prefix(plugin)))
        places = [round(number * (updates - 1) / (SAMPLES - 1)) for number in range(SAMPLES)]
        factors = [float(schedule.factor(update, updates)) for update in places]
    except Exception as error:  # a plugin of anybody's: what can't be drawn can still be shown
        if found and isinstance(error, UserError):
            raise
        return [f"No curve: {error if isinstance(error, ValueError) else reason(error)}"]
    last = f"{updates:,} update{'s' if updates > 1 else ''}"
    axis = f"{'0':<{WIDTH - len(last) - 1}} {last}"
    return ["factor of optimizer.lr", *draw(factors), f"{'':>6} {axis}"]


def draw(values: Sequence[float]) -> list[str]:
    """Values, at least two a cell, as lines of Braille with a scale on the left that begins at 0."""
    top = max(*values, 0.0) or 1.0
    cells = [[_EMPTY] * WIDTH for _ in range(HEIGHT)]
    before: int | None = None
    for column in range(2 * WIDTH):
        begin, end = (len(values) * edge // (2 * WIDTH) for edge in (column, column + 1))
        row = round((1.0 - max(0.0, *values[begin:end]) / top) * (4 * HEIGHT - 1))
        # Steep parts are filled up, or they would be loose dots.
        others = range(min(row, before), max(row, before)) if before is not None and abs(row - before) > 1 else ()
        for dot in (row, *others):
            cells[dot // 4][column // 2] |= _DOTS[dot % 4][column % 2]
        before = row
    scale = {0: f"{top:.3g}", HEIGHT // 2: f"{top / 2:.3g}", HEIGHT - 1: "0"}
    return [f"{scale.get(row, ''):>5} ┤{''.join(map(chr, line))}".rstrip(chr(_EMPTY)) for row, line in enumerate(cells)]
