"""What an attention sees, drawn in the terminal."""

# Shapes: N positions.

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from dougong.command_line.drawn import given, prefix
from dougong.errors import UserError
from dougong.registry.plugin import Plugin, reason
from dougong.registry.values import convert, fill

if TYPE_CHECKING:
    from torch import Tensor

LENGTH = 48
WIDEST = 96
"""Characters of a line; of a longer sequence several positions share one."""
_HALVES = " ▀▄█"
"""Two rows in one character: nothing, the upper, the lower, both."""


def pattern(plugin: Plugin, words: Sequence[str]) -> list[str]:
    """The lines of a picture of an attention plugin.

    Args:
        plugin: the attention.
        words: `attention.NAME.SETTING=VALUE`, `length=N`, and `causal=true`.

    Raises:
        UserError: a word is wrong.
    """
    found = given(plugin, words)
    length = convert(Annotated[int, Ge(1), Le(2048)], found.pop("length", LENGTH), "length")
    causal = convert(bool, found.pop("causal", False), "causal")
    settings = fill(plugin.signature, found, prefix(plugin))
    try:
        attention = plugin.load()(**settings)
        if causal and "causal" not in attention.supports:
            raise UserError(f"causal: {plugin.name} has no such form; it supports {', '.join(attention.supports)}.")
        seen = visible(attention, length, causal)
    except UserError:
        raise
    except Exception as error:  # a plugin of anybody's: what can't be drawn can still be shown
        return [f"No picture: {error if isinstance(error, ValueError) else reason(error)}"]
    each = -(-length // WIDEST)
    scale = f"; a dot is {each} by {each}" if each > 1 else ""
    share = float(seen.float().mean())
    title = f"{length:,} queries, from above, and the keys that each sees{', causally' if causal else ''}"
    return [f"{title}: {share:.1%} of all pairs{scale}", *draw(seen)]


def visible(attention: Any, length: int, causal: bool) -> "Tensor":
    """Which keys have a part in what comes out for each query.

    The values are the rows of a unit matrix, so that what comes out are the weights themselves; the queries and keys
    are all alike, so that none is passed over.

    Returns:
        (N, N) bool, a row a query.
    """
    import torch

    alike = torch.ones(1, 1, length, length) / length
    with torch.no_grad():
        weights = attention.eval()(alike, alike, torch.eye(length)[None, None], causal=causal)[0, 0]
    seen: Tensor = weights.abs() > 1e-9
    return seen


def draw(seen: "Tensor") -> list[str]:
    """A (N, N) pattern as lines of half blocks, between two edges; several positions share a dot where any sees any."""
    import torch

    size = len(seen)
    each = -(-size // WIDEST)
    dots = torch.zeros(-(-size // each), -(-size // each), dtype=torch.bool)
    rows, columns = (seen.nonzero() // each).T
    dots[rows, columns] = True
    if len(dots) % 2:
        dots = torch.cat([dots, torch.zeros(1, dots.shape[1], dtype=torch.bool)])
    pairs = (dots[0::2].int() + 2 * dots[1::2].int()).tolist()
    return [f"  │{''.join(_HALVES[pair] for pair in line)}│" for line in pairs]
